import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { document, lading } from '../support/cli-world.ts';
import { captureMany, owner, world } from '../support/lading-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lading-cli-compacted-'));
const file = join(folder, 'app.sqlite');
let settled = '';
let purged = '';

/** One attachment with a checkpoint, one with a tombstone. */
beforeAll(async () => {
  const phone = world({ seed: 'cli compacted' });
  const app = await phone.open({
    garbage: { log: { checkpointAfterMs: 0, tombstoneAfterMs: 0 } },
  });
  [settled = '', purged = ''] = await captureMany(phone, app, 2);
  await phone.pass(1_000);
  await phone.until(app.link(settled, owner('item.images', 'secret-item')));
  await phone.until(app.remove(settled, owner('item.images', 'secret-item')));
  await phone.until(app.remove(purged, owner()));
  await phone.pass(60_000);
  await phone.until(app.collectGarbage());
  await phone.until(app.pin(settled));
  await phone.until(app.close());
  phone.handle.exec(`VACUUM INTO '${file}'`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the command line on a database that was compacted (contract 5.5)', () => {
  it('tells in history and explain what the checkpoint stands for, and goes on behind it', async () => {
    const { stdout } = await lading(['history', file, settled]);
    expect(stdout).toMatch(/7 events, the first 6 of them compacted to one/);
    expect(stdout).toMatch(/6 .*log\.checkpoint .*uploaded .*linked · uploaded · present/);
    expect(stdout).toMatch(/7 .*pinned/);
    const explained = await lading(['explain', file, settled]);
    expect(explained.code).toBe(0);
    expect(explained.stdout.replace(/\s+/g, ' ')).toContain(
      'A checkpoint stands for its first 6 events, from ',
    );
    const early = await lading(['explain', file, settled, '--at-version', '3']);
    expect(early.stderr).toContain('from 6 to 7');
    expect(early.stderr).toContain('those before event 6 were compacted');
    expect((await lading(['explain', file, settled, '--at-version', '6'])).code).toBe(0);
  });

  it('tells of a tombstone that it is gone, and how long its life was', async () => {
    const { stdout, code } = await lading(['explain', file, purged]);
    expect(code).toBe(0);
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toContain('A tombstone stands for its whole life, ');
    expect(text).toContain('It is gone since ');
    const history = await document<{ readonly events: readonly unknown[] }>(
      'history',
      file,
      purged,
    );
    expect(history.events).toMatchObject([{ type: 'log.tombstone', situation: 'purged' }]);
    expect((await lading(['graph', file, '--id', purged])).code).toBe(0);
  });

  it('finds nothing to say against it: verify, doctor, list, status', async () => {
    for (const command of ['verify', 'doctor', 'list', 'status']) {
      const { code, stderr } = await lading([command, file]);
      expect([command, code, stderr]).toEqual([command, 0, '']);
    }
  });

  it('leaves the ids of the app out of a bug report, those in a checkpoint too', async () => {
    for (const id of [settled, purged]) {
      const { stdout, code, stderr } = await lading(['export', file, id]);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).not.toContain('secret-item');
    }
  });
});
