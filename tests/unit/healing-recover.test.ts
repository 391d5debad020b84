import type { Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import { type BlobKey, blobKey } from '../../ports/blob-store.ts';
import { sidecarName } from '../../ports/sidecar-name.ts';
import { type HealingWorld, healingWorld } from '../support/healing-world.ts';
import {
  captureMany,
  codeOf,
  FIELDS,
  image,
  ME,
  owner,
  picture,
  shows,
} from '../support/lading-world.ts';

/** Captures of a phone that is offline, whose database is lost then. */
async function lost(count = 2, field = 'item.images') {
  const phone = healingWorld({ online: false });
  const lading = await phone.start();
  const ids = await captureMany(phone, lading, count, owner(field));
  await phone.until(lading.close());
  return { phone, ids };
}

describe('recover (field case 16)', () => {
  it('brings back what was never sent after the database was lost, with ids, order and primary, and it uploads', async () => {
    const { phone, ids } = await lost(3);
    const again = await phone.startAnew();
    expect(phone.reports.at(-1)).toMatchObject({ blobs: 'ok', recoverable: ids });
    expect(again.list(owner())).toEqual([]);
    const report = await phone.until(again.recover());
    expect(report).toEqual({ adopted: ids, leftOut: [], refsLeftOut: [] });
    const listed = again.list(owner());
    expect(listed.map(({ ref }) => ref.mediaId)).toEqual(ids);
    expect(listed.map(({ ref }) => ref.isPrimary)).toEqual([true, false, false]);
    expect(again.storage().files).toBe(3);
    phone.net.set({ online: true, metered: false });
    await phone.until(again.settled());
    expect(ids.map((id) => again.view(id).state)).toEqual(['uploaded', 'uploaded', 'uploaded']);
    expect(phone.remote.objects.size).toBe(3);
    await phone.pass();
    expect(await phone.texts()).toEqual({});
    expect(await phone.until(again.verify())).toMatchObject({ ok: true });
  });

  it('only says what it would do, when asked for a dry run', async () => {
    const { phone, ids } = await lost();
    const again = await phone.startAnew();
    expect(await phone.until(again.recover({ dryRun: true }))).toMatchObject({ adopted: ids });
    expect(again.list(owner())).toEqual([]);
    expect(Object.keys(await phone.texts())).toHaveLength(2);
    expect(await phone.until(again.recover())).toMatchObject({ adopted: ids });
  });

  it('is not done by opening a new or restored database: bytes are kept, and reported', async () => {
    const { phone, ids } = await lost();
    const again = await phone.startAnew();
    await phone.pass(600_000);
    expect(again.list(owner())).toEqual([]);
    expect(phone.files()).toHaveLength(2);
    expect(Object.keys(await phone.texts()).toSorted()).toEqual(ids);
    expect(phone.logged).toContainEqual({
      level: 'warn',
      message: 'there are bytes that were never sent and that the log does not know',
    });
  });

  it('may be repeated, and does nothing where the log knows better', async () => {
    const { phone, ids } = await lost();
    const again = await phone.startAnew();
    await phone.until(again.recover());
    await phone.until(again.remove(ids[0] ?? '', owner()));
    const second = await phone.until(again.recover());
    expect(second).toEqual({ adopted: [], leftOut: [], refsLeftOut: [] });
    expect(again.list(owner()).map(({ ref }) => ref.mediaId)).toEqual(ids.slice(1));
  });

  it('is safe in two processes at once: each attachment begins anew once', async () => {
    const { phone, ids } = await lost(4);
    phone.handle.exec(
      'DELETE FROM lading_event; DELETE FROM lading_stream; DELETE FROM lading_ref;',
    );
    phone.handle.exec(
      'DELETE FROM lading_media; DELETE FROM lading_snapshot; DELETE FROM lading_job',
    );
    phone.handle.exec(
      'DELETE FROM lading_usage; DELETE FROM lading_task; DELETE FROM lading_outbox; DELETE FROM lading_blob',
    );
    const [one, two] = [await phone.start(), await phone.start()];
    const [mine, theirs] = await phone.until(Promise.all([one.recover(), two.recover()]));
    expect([...mine.adopted, ...theirs.adopted].toSorted()).toEqual([...ids].toSorted());
    expect(one.list(owner())).toHaveLength(4);
    expect(await phone.until(one.verify())).toMatchObject({ ok: true });
  });

  it('adopts a draft as a draft', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const photo = await phone.until(
      lading.capture(picture(), image('item.images', { draft: true })),
    );
    await phone.until(lading.close());
    const again = await phone.startAnew();
    expect(await phone.until(again.recover())).toMatchObject({ adopted: [photo.id] });
    await phone.until(again.link(photo.id, owner()));
    phone.net.set({ online: true, metered: false });
    await phone.until(again.settled());
    expect(again.view(photo.id).state).toBe('uploaded');
  });

  it.each([
    [
      'is not there',
      'file_missing',
      async (phone: HealingWorld, key: BlobKey): Promise<void> => phone.store.remove(key),
    ],
    [
      'has another size',
      'file_changed',
      async (phone: HealingWorld, key: BlobKey): Promise<void> =>
        void (await phone.store.write(key, piece(new Uint8Array(3)))),
    ],
    [
      'has other bytes of the same size',
      'file_changed',
      async (phone: HealingWorld, key: BlobKey): Promise<void> => {
        const size = (await phone.store.stat(key))?.sizeBytes ?? 0;
        await phone.store.write(key, piece(new Uint8Array(size)));
      },
    ],
  ] as const)('leaves out a file that %s, and says so', async (_what, reason, spoil) => {
    const { phone, ids } = await lost();
    const [spoilt = ''] = ids;
    const text = (await phone.texts())[spoilt];
    await spoil(phone, text?.['blobKey'] as BlobKey);
    const again = await phone.startAnew();
    expect(await phone.until(again.recover())).toEqual({
      adopted: ids.slice(1),
      leftOut: [{ mediaId: spoilt, reason }],
      refsLeftOut: [],
    });
    expect(Object.keys(await phone.texts())).toContain(spoilt);
  });

  it('leaves out what no owner takes: the field is unknown, or its list is full', async () => {
    const { phone, ids } = await lost(2, 'item.pair');
    const again = await phone.startAnew();
    const [mine = ''] = await captureMany(phone, again, 1, owner('item.pair'));
    const full = await phone.until(again.recover());
    expect(full).toEqual({
      adopted: [ids[0]],
      leftOut: [{ mediaId: ids[1], reason: 'no_place' }],
      refsLeftOut: [{ mediaId: ids[1], owner: owner('item.pair'), reason: 'too_many' }],
    });
    const listed = again.list(owner('item.pair')).map(({ ref }) => ref);
    expect(listed.filter(({ isPrimary }) => isPrimary).map(({ mediaId }) => mediaId)).toEqual([
      mine,
    ]);
    await phone.until(again.close());

    const { 'item.pair': _pair, ...fewer } = FIELDS;
    const third = await phone.startAnew({ fields: fewer });
    const unknown = await phone.until(third.recover());
    expect(unknown.adopted).toEqual([]);
    expect(unknown.refsLeftOut.map(({ reason }) => reason)).toEqual(
      unknown.leftOut.map(() => 'unknown_field'),
    );
    expect(unknown.leftOut).toContainEqual({ mediaId: ids[1], reason: 'no_place' });
  });

  it('leaves out sidecars that are damaged, newer, of another name, or lead elsewhere', async () => {
    const { phone, ids } = await lost(1);
    const good = (await phone.texts())[ids[0] ?? ''] ?? {};
    const put = (id: string, change: object) =>
      phone.sidecars.write(
        sidecarName(ME, id),
        JSON.stringify({ ...good, mediaId: id, ...change }),
      );
    await phone.sidecars.write(sidecarName(ME, 'a-damaged'), '{"version":1,');
    await put('b-newer', { version: 2 });
    await put('c-other', { mediaId: 'another' });
    await put('d-foreign', { accountId: 'account-2' });
    await put('e-elsewhere', { blobKey: blobKey('account-2', 'x') });
    await put('f-short', { media: undefined });
    const again = await phone.startAnew();
    const { adopted, leftOut } = await phone.until(again.recover());
    expect(adopted).toEqual(ids);
    expect(leftOut).toEqual([
      { mediaId: 'a-damaged', reason: 'sidecar_unreadable' },
      { mediaId: 'b-newer', reason: 'sidecar_newer' },
      { mediaId: 'c-other', reason: 'sidecar_unreadable' },
      { mediaId: 'd-foreign', reason: 'sidecar_unreadable' },
      { mediaId: 'e-elsewhere', reason: 'sidecar_unreadable' },
      { mediaId: 'f-short', reason: 'sidecar_unreadable' },
    ]);
  });

  it('runs the projection of the field in the commit that adopts', async () => {
    const { phone, ids } = await lost(2);
    const told: string[][] = [];
    const again = await phone.startAnew({
      fields: {
        ...FIELDS,
        'item.images': {
          kinds: ['image'],
          project: (_tx, _owner, refs) => void told.push(refs.map(({ mediaId }) => mediaId)),
        },
      },
    });
    await phone.until(again.recover());
    expect(told.at(-1)).toEqual(ids);
  });

  it('recovers its own account alone (contract 10.7)', async () => {
    const { phone, ids } = await lost(2);
    const other = await phone.startAnew({ account: 'account-2' });
    expect(await phone.until(other.recover())).toMatchObject({ adopted: [], leftOut: [] });
    await phone.until(other.close());
    const mine = await phone.startAnew();
    expect(await phone.until(mine.recover())).toMatchObject({ adopted: ids });
  });

  it('refuses options that are none, and has nothing to do where the store has no sidecars', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.open();
    expect(await codeOf(phone.until(lading.recover(3 as never)))).toBe('invalid_option');
    expect(await phone.until(lading.recover())).toEqual({
      adopted: [],
      leftOut: [],
      refsLeftOut: [],
    });
  });

  it('links again what was linked by events that a damaged database lost, before its draft grace ends it', async () => {
    const { phone, ids } = await lost(2);
    // What recoverDatabase leaves when the ends of streams are lost and nothing tells of them.
    phone.handle.exec(`
      DELETE FROM lading_event WHERE version > 1; UPDATE lading_stream SET version = 1;
      DELETE FROM lading_snapshot; DELETE FROM lading_media; DELETE FROM lading_ref; DELETE FROM lading_job;
      DELETE FROM lading_task; DELETE FROM lading_usage; DELETE FROM lading_blob; DELETE FROM lading_outbox;
      INSERT INTO lading_meta VALUES ('recovered_at', '1')`);
    await phone.pass(1_000);
    phone.clock.jump(3 * 86_400_000);
    const again = await phone.start();
    await phone.pass(60_000);
    expect(again.list(owner()).map(({ ref }) => ref.mediaId)).toEqual(ids);
    expect(ids.map((id) => again.view(id).state)).toEqual(['local_only', 'local_only']);
    expect(await phone.until(again.verify())).toMatchObject({ ok: true });
    // Once: the next opening leaves alone what was removed since.
    await phone.until(again.cancel(ids[0] ?? ''));
    await phone.until(again.close());
    const third = await phone.start();
    expect(third.list(owner()).map(({ ref }) => ref.mediaId)).toEqual(ids.slice(1));
  });

  it('takes up a database from an older backup: what is newer than it is reported, and comes back with recover', async () => {
    const phone = healingWorld({ online: false });
    const first = await phone.start();
    const [old = ''] = await captureMany(phone, first, 1);
    await phone.until(first.close());
    const backup = dump(phone);
    const second = await phone.start();
    const [late = ''] = await captureMany(phone, second, 1);
    await phone.until(second.close());
    restoreDump(phone, backup);
    const third: Lading = await phone.start();
    expect(third.list(owner()).map(({ ref }) => ref.mediaId)).toEqual([old]);
    expect(phone.reports.at(-1)).toMatchObject({ missing: [], recoverable: [late] });
    expect(await phone.until(third.recover())).toMatchObject({ adopted: [late] });
    expect(
      third
        .list(owner())
        .map(({ ref }) => ref.mediaId)
        .toSorted(),
    ).toEqual([old, late].toSorted());
    expect(shows(third.view(late))).toBe('local_only, waiting for network');
  });
});

async function* piece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

type Dump = ReadonlyMap<string, readonly Record<string, unknown>[]>;

function tables(phone: HealingWorld): readonly string[] {
  return phone
    .rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'lading_%'")
    .map(({ name }) => String(name));
}

function dump(phone: HealingWorld): Dump {
  return new Map(tables(phone).map((table) => [table, phone.rows(`SELECT * FROM ${table}`)]));
}

function restoreDump(phone: HealingWorld, backup: Dump): void {
  for (const [table, rows] of backup) {
    phone.handle.exec(`DELETE FROM ${table}`);
    for (const row of rows) {
      const columns = Object.keys(row);
      phone.handle
        .prepare(
          `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`,
        )
        .run(...(Object.values(row) as string[]));
    }
  }
}
