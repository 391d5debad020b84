import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lading, openLading } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { createReferenceBackend } from 'lading/sync';
import { memoryRemote } from 'lading/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesSource } from '../../ports/source.ts';
import { drivers } from '../support/drivers.ts';
import {
  captureMany,
  codeOf,
  FIELDS,
  gate,
  image,
  ME,
  owner,
  picture,
  type World,
  world,
} from '../support/lading-world.ts';

const OTHER = 'account-2';
const TABLES = [
  'lading_event',
  'lading_stream',
  'lading_snapshot',
  'lading_task',
  'lading_media',
  'lading_ref',
  'lading_job',
  'lading_usage',
  'lading_blob',
  'lading_outbox',
  'lading_cursor',
  'lading_checkpoint',
] as const;

describe('contract 10.7: forget(account)', () => {
  it('removes rows, bytes and log of an account, and leaves the other one whole', async () => {
    const { phone, mine, theirs } = await twoAccounts();
    const before = dumpOf(phone, theirs);
    const lading = await phone.open({ account: OTHER });
    const report = await phone.until(lading.forget(ME, { evenUnsent: true }));
    expect(report).toMatchObject({
      attachments: 3,
      blobs: 3,
      unsent: { uploads: 3 },
      scrubbed: true,
    });
    expect(traces(phone, mine)).toEqual([]);
    expect(dumpOf(phone, theirs)).toEqual(before);
    expect(lading.list(owner('item.images', 'item-1', OTHER))).toHaveLength(2);
    expect(await phone.until(lading.verify())).toMatchObject({ ok: true });
    phone.net.set({ online: true });
    expect((await phone.until(lading.settled())).waiting).toEqual([]);
    expect([...phone.remote.objects.keys()].every((key) => key.startsWith(OTHER))).toBe(true);
  });

  it('refuses to lose what only this device has, and says how much that is', async () => {
    const { phone, mine } = await twoAccounts();
    const backend = createReferenceBackend({ clock: phone.clock }).client(OTHER);
    const lading = await phone.open({ account: OTHER, backend });
    const before = dumpOf(phone, mine);
    const refused = phone.until(lading.forget(ME));
    await expect(refused).rejects.toMatchObject({
      code: 'unsent_work',
      details: { uploads: 3, ops: 3 },
    });
    expect(dumpOf(phone, mine)).toEqual(before);
    // Of the open account too: it stays open then.
    const own = phone.until(lading.forget(OTHER));
    await expect(own).rejects.toMatchObject({ code: 'unsent_work', details: { uploads: 2 } });
    expect(lading.list(owner('item.images', 'item-1', OTHER))).toHaveLength(2);
  });

  it('does not hold against an app without a backend that changes of refs wait for one', async () => {
    const phone = world();
    const lading = await phone.open();
    await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    await expect(phone.until(lading.forget(ME))).resolves.toMatchObject({
      attachments: 1,
      unsent: { uploads: 0, ops: 0 },
    });
  });

  it('stops the transfers of the open account first, then closes', async () => {
    const held = gate();
    const phone = world({
      script: ({ operation }) => (operation === 'upload' ? { after: held.promise } : undefined),
    });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(lading.view(photo.id).state).toBe('uploading');
    await phone.until(lading.forget(ME, { evenUnsent: true }));
    expect(traces(phone, [photo.id])).toEqual([]);
    expect(await codeOf(lading.settled())).toBe('closed');
    held.open();
    await phone.pass(60_000);
    expect(traces(phone, [photo.id])).toEqual([]);
    const again = await phone.open();
    expect(again.list(owner())).toEqual([]);
  });

  it('is ended by the next opening, wherever a crash stopped it, also a second time', async () => {
    let crashed = true;
    let crashAt = 1;
    for (; crashed; crashAt++) {
      const { phone, mine, theirs } = await twoAccounts();
      const before = dumpOf(phone, theirs);
      const lading = await phone.open({ account: OTHER, crashPoint: crash(crashAt) });
      const said = await codeOf(phone.until(lading.forget(ME, { evenUnsent: true })));
      crashed = said !== 'no error';
      phone.kill();
      await codeOf(phone.until(phone.open({ account: ME, crashPoint: crash(1) })));
      phone.kill();
      const again = await phone.open({ account: ME });
      expect([crashAt, traces(phone, mine)]).toEqual([crashAt, []]);
      expect(phone.rows(`SELECT key FROM lading_meta WHERE key LIKE 'forget%'`)).toEqual([]);
      expect(dumpOf(phone, theirs)).toEqual(before);
      // It is a new account from here on, and nothing of the old forgetting hits it.
      const photo = await phone.until(again.capture(picture('anew'), image()));
      phone.kill();
      expect((await phone.open({ account: ME })).view(photo.id).state).toBe('local_only');
    }
    expect(crashAt).toBeGreaterThan(8);

    function crash(at: number): (name: string) => void {
      let seen = 0;
      return (name) => {
        if (!name.startsWith('forget')) return;
        seen += 1;
        if (seen === at) throw new Error(`killed at ${name}`);
      };
    }
  });

  it('waits for no one: another process that works for the account is told to close first', async () => {
    const phone = world({ script: () => ({ after: new Promise(() => {}) }) });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    const other = await phone.open({ account: OTHER });
    const refused = phone.until(other.forget(ME, { evenUnsent: true }));
    await expect(refused).rejects.toMatchObject({ code: 'account_in_use' });
    expect(lading.view(photo.id).state).toBe('uploading');
  });

  it('forgets an account that has nothing, and one twice', async () => {
    const phone = world();
    const lading = await phone.open();
    const nothing = { attachments: 0, blobs: 0, unsent: { uploads: 0, ops: 0 }, scrubbed: true };
    expect(await phone.until(lading.forget('nobody'))).toEqual(nothing);
    expect(await phone.until(lading.forget('nobody'))).toEqual(nothing);
    expect(await codeOf(lading.forget('../up'))).toBe('invalid_id');
  });
});

describe.each(drivers)('contract 10.7: forget(account), on real files of $name', (driver) => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'lading-forget-'));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it.each(['open', 'another'])(
    'leaves no planted text in any file, for the %s account',
    async (which) => {
      const remote = memoryRemote();
      const net = manualConnectivity({ online: true });
      const open = (account: string): Promise<Lading> =>
        openLading({
          store: driver.open(base),
          blobs: directoryBlobs({ directory: join(base, 'blobs') }),
          remote,
          connectivity: net,
          fields: FIELDS,
          account,
        });
      let lading = await open(ME);
      for (let round = 0; round < 30; round++) {
        const source = bytesSource(
          Buffer.from(`%PDF-1.7\n${`CANARY-bytes-${round}-`.repeat(200)}`),
          {
            filename: `CANARY-name-${round}-${'x'.repeat(150)}.pdf`,
            contentType: 'application/pdf',
          },
        );
        await lading.capture(source, {
          owner: owner('item.images', `CANARY-${round}`),
          kind: 'pdf',
        });
      }
      await lading.settled();
      net.set({ online: false });
      await lading.capture(picture('CANARY-late'), { ...image(), filename: 'CANARY-late.jpg' });
      expect(grep(base, 'CANARY').length).toBeGreaterThan(0);
      if (which === 'another') {
        await lading.close();
        lading = await open(OTHER);
        await lading.capture(picture('kept'), {
          ...image(),
          owner: owner('item.images', 'i', OTHER),
        });
      }
      const report = await lading.forget(ME, { evenUnsent: true });
      expect(report).toMatchObject({ attachments: 31, blobs: 31, scrubbed: true });
      expect(grep(base, 'CANARY')).toEqual([]);
      expect(grep(base, ME)).toEqual([]);
      await lading.close();
      expect(grep(base, 'CANARY')).toEqual([]);
      expect(grep(base, ME)).toEqual([]);
    },
  );
});

/** Files below a folder that hold a text, write-ahead log included. */
function grep(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text) || path.includes(text));
}

/** Two accounts in one database, none of it uploaded. */
async function twoAccounts(): Promise<{
  readonly phone: World;
  readonly mine: readonly string[];
  readonly theirs: readonly string[];
}> {
  const phone = world({ online: false });
  const ids: (readonly string[])[] = [];
  for (const [account, count] of [
    [ME, 3],
    [OTHER, 2],
  ] as const) {
    const lading = await phone.open({ account });
    const of = owner('item.images', 'item-1', account);
    ids.push(await captureMany(phone, lading, count, of));
    await phone.until(lading.close());
  }
  const [mine = [], theirs = []] = ids;
  return { phone, mine, theirs };
}

/** Rows and blobs that still speak of these attachments or of the account. */
function traces(phone: World, ids: readonly string[]): readonly string[] {
  const found = TABLES.flatMap((table) =>
    phone
      .rows(`SELECT * FROM ${table}`)
      .map((row) => JSON.stringify(row))
      .filter((text) => text.includes(ME) || ids.some((id) => text.includes(id)))
      .map((text) => `${table}: ${text.slice(0, 80)}`),
  );
  return [...found, ...phone.blobs.keys.filter((key) => key.includes(ME))];
}

/** Everything that is stored of these attachments. */
function dumpOf(phone: World, ids: readonly string[]): readonly string[] {
  const rows = TABLES.flatMap((table) =>
    phone.rows(`SELECT * FROM ${table}`).map((row) => JSON.stringify(row)),
  );
  return [
    ...rows.filter((row) => ids.some((id) => row.includes(id))),
    String(phone.blobs.keys.length > 1),
  ];
}
