import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openLading } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { nodeSqlite, openNodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { memoryRemote, virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import {
  captureMany,
  FIELDS,
  image,
  ME,
  owner,
  picture,
  shows,
  world,
} from '../support/lading-world.ts';

describe('edge cases of docs/spec/edge-cases.md', () => {
  it('an app whose folder moved finds all its files under the new base (contract 4.1, field case 1)', async () => {
    const root = await mkdtemp(join(tmpdir(), 'lading-moved-'));
    try {
      const net = manualConnectivity({ online: false });
      const open = (folder: string) =>
        openLading({
          store: openNodeSqlite(join(folder, 'app.sqlite')),
          blobs: directoryBlobs({ directory: join(folder, 'attachments') }),
          remote: memoryRemote(),
          connectivity: net,
          fields: FIELDS,
          account: ME,
          onlineDebounceMs: 0,
        });
      const before = join(root, 'before-the-update');
      await mkdir(before);
      const first = await open(before);
      const photo = await first.capture(picture('of before'), image());
      const { byteSize } = photo.ref;
      await first.close();
      const store = openNodeSqlite(join(before, 'app.sqlite'));
      const tables = store.all(
        `SELECT name FROM sqlite_master WHERE name LIKE 'lading%' AND type = 'table'`,
      );
      const rows = tables.flatMap(({ name }) => store.all(`SELECT * FROM ${String(name)}`));
      expect(rows.length).toBeGreaterThan(5);
      expect(JSON.stringify(rows)).not.toContain('before-the-update');
      store.close();

      const after = join(root, 'after-the-update');
      await rename(before, after);
      const second = await open(after);
      const bytes = await second.resolve(photo.id);
      expect(bytes.byteSize).toBe(byteSize);
      net.set({ online: true, metered: false });
      await second.settled();
      expect(shows(second.view(photo.id))).toBe('uploaded');
      await second.close();
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it('an event is never updated: each has its place, its versions and the state that resulted (contract 9.1)', async () => {
    const EVENTS =
      'SELECT position, stream, version, type, schema_version, at, payload, state FROM lading_event ORDER BY position';
    const phone = world({ online: false });
    const lading = await phone.open();
    const [id = ''] = await captureMany(phone, lading, 2);
    const young = phone.rows(EVENTS);
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    await phone.until(lading.remove(id, owner()));
    await phone.pass(60_000);

    const all = phone.rows(EVENTS);
    expect(all.slice(0, young.length)).toEqual(young);
    expect(all.length).toBeGreaterThan(young.length);
    for (const stream of new Set(all.map((event) => event['stream']))) {
      const versions = all.filter((event) => event['stream'] === stream);
      expect(versions.map(({ version }) => version)).toEqual(versions.map((_, n) => n + 1));
    }
    for (const { position, schema_version: schema, at, type, state } of all) {
      expect([position, schema, at]).toEqual([
        expect.any(Number),
        expect.any(Number),
        expect.any(Number),
      ]);
      expect(type).toMatch(/^[a-z]+[._a-z]*$/i);
      expect(type).not.toMatch(/^xstate\./);
      expect(JSON.parse(String(state))).toEqual(expect.anything());
    }
  });

  it('one upload that never succeeds holds up none of the others (contract 4.6, field case 24)', async () => {
    let poisoned = '';
    const phone = world({
      script: ({ operation, objectKey }) =>
        operation === 'upload' && objectKey.endsWith(poisoned)
          ? { fault: { ok: false, class: 'retryable', code: 'server_error' } }
          : undefined,
      online: false,
    });
    const lading = await phone.open({ concurrency: 1 });
    const ids = await captureMany(phone, lading, 4);
    [poisoned = ''] = ids;
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    expect(ids.map((id) => shows(lading.view(id)))).toEqual([
      'local_only, waiting for backoff',
      'uploaded',
      'uploaded',
      'uploaded',
    ]);
  });

  it('attempts go on counting over restarts, and end with one object all the same (contract 4.1, 4.5)', async () => {
    let mended = false;
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], patience: { attempts: 3 } } },
      script: ({ operation }) =>
        operation === 'upload' && !mended
          ? { fault: { ok: false, class: 'retryable', code: 'server_error' }, afterBytes: 10 }
          : undefined,
    });
    let lading = await phone.open();
    const { id } = await phone.until(lading.capture(picture(), image()));
    const seen: string[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      await phone.until(lading.settled());
      seen.push(`${attempt}: ${shows(lading.view(id))}`);
      if (attempt === 3) break;
      await phone.until(lading.close());
      lading = await phone.open();
      await phone.pass(Math.max(0, (lading.view(id).until ?? 0) - phone.clock.now()));
    }
    expect(seen).toEqual([
      '1: local_only, waiting for backoff',
      '2: local_only, waiting for backoff',
      '3: failed, waiting for retry',
    ]);
    mended = true;
    await phone.until(lading.retry(id));
    await phone.until(lading.settled());
    expect(shows(lading.view(id))).toBe('uploaded');
    expect([...phone.remote.completions.values()]).toEqual([1]);
  });

  it('a schema that cannot be made whole leaves the database as it was (field case 64)', () => {
    const handle = new DatabaseSync(':memory:');
    handle.exec('CREATE TABLE lading_runner (of_somebody_else TEXT)');
    expect(() => openSqliteEventStore(nodeSqlite(handle), virtualClock())).toThrow(
      /already exists/,
    );
    const tables = handle.prepare(`SELECT name FROM sqlite_master WHERE name LIKE 'lading%'`).all();
    expect(tables).toEqual([{ name: 'lading_runner' }]);
  });
});
