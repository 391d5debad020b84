import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { createProtection } from '../../engine/healing/protected.ts';
import { healingRows } from '../../persistence/attachment/healing-rows.ts';
import { eventStoreOn } from '../../persistence/event-store-on.ts';
import { type BlobKey, blobKey } from '../../ports/blob-store.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { sidecarName } from '../../ports/sidecar-name.ts';
import { type HealingWorld, healingWorld } from '../support/healing-world.ts';
import { captureMany, image, ME, owner, picture, shows } from '../support/lading-world.ts';

describe('the look at start', () => {
  it('shows what was lost before it was sent as failed, and no other; without a network', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [kept = '', lost = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    await phone.store.remove(keyOf(phone, lost));
    const again = await phone.start();
    expect(phone.reports.at(-1)).toEqual({
      blobs: 'ok',
      missing: [lost],
      found: [],
      changed: [],
      recoverable: [],
    });
    expect(again.view(lost)).toMatchObject({ state: 'failed', error: { code: 'source_missing' } });
    expect(shows(again.view(kept))).toBe('local_only, waiting for network');
  });

  it('tells one file that is gone from a store that is gone, since its sidecar is there', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [lost = ''] = await captureMany(phone, lading, 1);
    await phone.until(lading.close());
    await phone.store.remove(keyOf(phone, lost));
    await phone.start();
    expect(phone.reports.at(-1)).toMatchObject({ blobs: 'ok', missing: [lost] });
  });

  it('takes bytes up again that turned up, and uploads them', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [kept = '', lost = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    const key = keyOf(phone, lost);
    const bytes = await read(phone, key);
    await phone.store.remove(key);
    const second = await phone.start();
    expect(second.view(lost).state).toBe('failed');
    await phone.until(second.close());
    await phone.store.write(key, pieces(bytes));
    const third = await phone.start();
    expect(phone.reports.at(-1)).toMatchObject({ missing: [], found: [lost] });
    phone.net.set({ online: true, metered: false });
    await phone.until(third.settled());
    expect([third.view(lost).state, third.view(kept).state]).toEqual(['uploaded', 'uploaded']);
  });

  it('writes no event where all is as it should be, nor a second time for what it told already', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [, lost = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    const events = () => phone.rows('SELECT count(*) AS n FROM lading_event')[0]?.['n'];
    const before = events();
    await phone.until((await phone.start()).close());
    expect(events()).toBe(before);
    await phone.store.remove(keyOf(phone, lost));
    await phone.until((await phone.start()).close());
    await phone.until((await phone.start()).close());
    expect(events()).toBe(Number(before) + 1);
  });

  it('reports a file of zero or too few bytes as changed, and neither sends nor deletes it (field case 12)', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [empty = '', short = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    await phone.store.write(keyOf(phone, empty), pieces(new Uint8Array()));
    await phone.store.write(keyOf(phone, short), pieces(new Uint8Array(10)));
    const again = await phone.start();
    expect(phone.reports.at(-1)).toMatchObject({ changed: [empty, short].toSorted(), missing: [] });
    phone.net.set({ online: true, metered: false });
    await phone.until(again.settled());
    expect(again.view(empty)).toMatchObject({ state: 'failed', error: { code: 'source_changed' } });
    expect(phone.remote.objects.size).toBe(0);
    expect(phone.files()).toHaveLength(2);
  });

  it('changes and deletes nothing when not one file is there: a card that is not mounted, another directory (field case 4)', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const ids = await captureMany(phone, lading, 3);
    await phone.until(lading.close());
    const rows = () => phone.rows('SELECT * FROM lading_event');
    const before = rows();
    const elsewhere = healingWorld();
    const second = await phone.start({ blobs: elsewhere.store });
    expect(phone.reports.at(-1)).toMatchObject({ blobs: 'gone', missing: [] });
    expect(phone.logged.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(rows()).toEqual(before);
    expect(await elsewhere.texts()).toEqual({});
    await phone.until(second.close());
    const third = await phone.start();
    expect(phone.reports.at(-1)).toMatchObject({ blobs: 'ok', missing: [] });
    phone.net.set({ online: true, metered: false });
    await phone.until(third.settled());
    expect(ids.map((id) => third.view(id).state)).toEqual(['uploaded', 'uploaded', 'uploaded']);
  });

  it('changes nothing when the store cannot be asked, as while a device is locked (field case 15)', async () => {
    let isLocked = false;
    const phone = healingWorld({
      online: false,
      wrapStore: (store) => ({
        ...store,
        async stat(key) {
          if (isLocked) throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
          return store.stat(key);
        },
      }),
    });
    const lading = await phone.start();
    await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    const before = phone.rows('SELECT * FROM lading_event');
    isLocked = true;
    await phone.start();
    expect(phone.reports.at(-1)).toMatchObject({ blobs: 'unreadable', missing: [] });
    expect(phone.rows('SELECT * FROM lading_event')).toEqual(before);
  });

  it('holds up neither opening nor a capture, and lets others work between its slices', async () => {
    let asked = 0;
    const phone = healingWorld({
      online: false,
      wrapStore: (store) => ({
        ...store,
        async stat(key) {
          asked += 1;
          return store.stat(key);
        },
      }),
    });
    const lading = await phone.start();
    for (let n = 0; n < 5; n++) await captureMany(phone, lading, 60, owner('item.images', `i${n}`));
    await phone.until(lading.close());
    asked = 0;
    const again = await phone.open({ blobs: phone.store });
    expect(asked).toBeLessThan(10);
    await phone.until(again.capture(picture('while it looks'), image()));
    expect(asked).toBeLessThan(300);
    await phone.pass(1_000);
    expect(asked).toBeGreaterThanOrEqual(300);
  });

  it('ends when Lading closes in the middle of it', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    await captureMany(phone, lading, 120);
    await phone.until(lading.close());
    const again = await phone.open({ blobs: phone.store });
    await phone.until(again.close());
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('goes on when what the app does with its report throws', async () => {
    const phone = healingWorld({ online: false });
    await phone.open({
      blobs: phone.store,
      onStartReport: () => {
        throw new Error('no such screen');
      },
    });
    await phone.pass();
    expect(phone.logged).toContainEqual({ level: 'error', message: 'onStartReport threw' });
  });
});

describe('files that the log does not know (field cases 11, 16)', () => {
  it('are protected by a sidecar, by age, and by a sidecar of their account that cannot be read', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.until(lading.close());
    const known = keyOf(phone, id);
    const begunAt = phone.clock.now();
    const lost = await phone.startAnew();
    await phone.until(lost.close());
    const found = await protection(phone, () => undefined);
    const unknown = blobKey(ME, 'nobody');
    expect(await found.isProtected(known, { modifiedAt: begunAt + 1 })).toBe('sidecar');
    expect(await found.isProtected(unknown, { modifiedAt: begunAt + 1 })).toBeNull();
    expect(await found.isProtected(unknown, { modifiedAt: 0 })).toBe('older_than_database');

    await phone.sidecars.write(sidecarName(ME, 'damaged'), '{"version":1');
    const doubtful = await protection(phone, () => undefined);
    expect(await doubtful.isProtected(unknown, { modifiedAt: begunAt + 1 })).toBe(
      'sidecar_unreadable',
    );
    expect(
      await doubtful.isProtected(blobKey('account-2', 'x'), { modifiedAt: begunAt + 1 }),
    ).toBeNull();
  });

  it('are not protected by the sidecar of an attachment that is attached or gone in this log', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass();
    const text = JSON.stringify((await phone.texts())[id]);
    const key = keyOf(phone, id);
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    await phone.pass();
    await phone.sidecars.write(sidecarName(ME, id), text);
    const [event] = phone.rows(`SELECT body FROM lading_snapshot WHERE stream = '${id}'`);
    const { value, context } = JSON.parse(String(event?.['body'])) as never;
    const found = await protection(phone, () => ({
      value,
      context,
      status: 'active' as const,
      version: 1,
    }));
    expect(await found.isProtected(key, { modifiedAt: phone.clock.now() })).toBeNull();
  });
});

function protection(
  phone: HealingWorld,
  state: Parameters<typeof createProtection>[0]['host']['state'],
) {
  const events = eventStoreOn(nodeSqlite(phone.handle), phone.clock);
  return createProtection({
    host: { state: (stream: StreamId) => state(stream) },
    events,
    rows: healingRows,
    sidecars: phone.sidecars,
  });
}

function keyOf(phone: HealingWorld, id: string): BlobKey {
  const [row] = phone.rows(`SELECT blob_key FROM lading_media WHERE media_id = '${id}'`);
  return row?.['blob_key'] as BlobKey;
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function read(phone: HealingWorld, key: BlobKey): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  for await (const piece of phone.store.open(key)) found.push(piece);
  return Buffer.concat(found);
}
