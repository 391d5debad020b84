import type { Lading, MediaId } from 'lading';
import { nodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { readOnlyAttachment } from '../../bin/hosted.ts';
import { createCompactor } from '../../engine/compaction/compactor.ts';
import { attachmentCompaction } from '../../engine/lifecycle/compaction.ts';
import { compactionTable } from '../../persistence/log/compaction-table.ts';
import { silentLogger } from '../../ports/logger.ts';
import { REMOTE_HOST } from '../../testing/world/sim-remote.ts';
import { codeOf, shows } from '../support/lading-world.ts';
import { delta, media, never, owner, pagesOf, scope, syncParts } from '../support/sync-parts.ts';
import { item, type SyncDevice, type SyncWorld, syncWorld } from '../support/sync-world.ts';

const [here, there] = [item('i1'), item('i2')];

async function couple() {
  const world = syncWorld(7);
  const [phone, tablet] = [await world.device('phone'), await world.device('tablet')];
  return { world, phone, tablet };
}

/** Captured on the phone, known on the tablet; then the phone lets it go for good while the tablet is offline. */
async function purgedOnThePhone() {
  const both = await couple();
  const { world, phone, tablet } = both;
  const id = await phone.capture('a photo');
  await world.quiet();
  expect(tablet.ids(here)).toEqual([id]);
  tablet.link.setOnline(false);
  await world.until(phone.lading.remove(id, here));
  await world.quiet();
  expect(statusOf(phone, id)).toBe('done');
  return { ...both, id };
}

function statusOf(device: SyncDevice, id: MediaId): unknown {
  const row = device.handle.prepare('SELECT status FROM lading_stream WHERE stream = ?').get(id);
  return row?.['status'];
}

async function bytesOf(world: SyncWorld, lading: Lading, id: MediaId): Promise<number> {
  const { byteSize } = await world.until(lading.resolve(id));
  return byteSize;
}

/** What garbage collection does after the retention time. */
async function compact(world: SyncWorld, device: SyncDevice): Promise<number> {
  const store = openSqliteEventStore(nodeSqlite(device.handle), world.clock);
  const compactor = createCompactor({
    events: store,
    table: compactionTable,
    machines: [{ machine: readOnlyAttachment(), rules: attachmentCompaction }],
    logger: silentLogger,
  });
  const ages = { checkpointAfterMs: 0, tombstoneAfterMs: 0 };
  const done = await world.until(compactor.compact({ now: world.clock.now() + 1, ...ages }));
  return done.streams;
}

describe('a ref of another device to what is gone here (contract 5.3)', () => {
  it.each(['its whole log', 'a tombstone'])(
    'begins a new life of it, with its bytes at the remote, where %s is left',
    async (left) => {
      const { world, phone, tablet, id } = await purgedOnThePhone();
      const compacted = left === 'a tombstone' ? await compact(world, phone) : 0;
      await world.until(tablet.lading.link(id, there));
      tablet.link.setOnline(true);
      await world.quiet();

      expect(compacted).toBe(left === 'a tombstone' ? 1 : 0);
      expect(phone.ids(there)).toEqual([id]);
      expect(phone.ids(here)).toEqual([]);
      expect(shows(phone.lading.view(id))).toBe('uploaded');
      expect(await bytesOf(world, phone.lading, id)).toBeGreaterThan(0);
      expect(await world.until(phone.lading.verify())).toMatchObject({ ok: true });
      const { sentences } = await world.until(phone.lading.explain(id));
      expect(sentences.join(' ')).toContain('It had been gone, and came back');
      await Promise.all([phone.close(), tablet.close()]);
    },
  );

  it('takes a life that began again to its end like the first one, and no tombstone revives it', async () => {
    const { world, phone, tablet, id } = await purgedOnThePhone();
    await world.until(tablet.lading.link(id, there));
    tablet.link.setOnline(true);
    await world.quiet();
    await world.until(phone.lading.remove(id, there));
    await world.quiet();
    expect([phone, tablet].map((device) => device.ids(there))).toEqual([[], []]);
    expect([phone, tablet].map((device) => statusOf(device, id))).toEqual(['done', 'done']);
    // All rows of it are tombstones now: read again from the beginning they change nothing.
    const version = phone.lading.history(id).length;
    phone.handle.exec('DELETE FROM lading_cursor');
    await world.until(phone.lading.retrySync());
    expect(phone.lading.history(id)).toHaveLength(version);
    expect(world.backend.unreferenced(0)).toHaveLength(1);
    const ops = phone.lading.history(id).map(({ version: at }) => at);
    expect(ops).toEqual(ops.map((_, index) => index + 1));
    await Promise.all([phone.close(), tablet.close()]);
  });

  it('is no way back for the app’s own verbs', async () => {
    const { world, phone, tablet, id } = await purgedOnThePhone();
    expect(await codeOf(world.until(phone.lading.link(id, there)))).toBe('already_gone');
    await compact(world, phone);
    expect(await codeOf(world.until(phone.lading.link(id, there)))).toBe('already_gone');
    expect(await codeOf(world.until(phone.lading.resolve(id)))).toBe('already_gone');
    expect(shows(phone.lading.view(id))).toBe('gone');
    await Promise.all([phone.close(), tablet.close()]);
  });

  it('shows what is on no device any more as failed, instead of waiting for an author for ever', async () => {
    const { world, phone, tablet } = await couple();
    world.network.setHostUp(REMOTE_HOST, false);
    const id = await phone.capture('never sent');
    await world.clock.advanceBy(10_000);
    expect(tablet.ids(here)).toEqual([id]);
    tablet.link.setOnline(false);
    await world.until(phone.lading.cancel(id));
    world.network.setHostUp(REMOTE_HOST, true);
    await world.clock.advanceBy(20 * 60_000);
    expect(statusOf(phone, id)).toBe('done');
    await world.until(tablet.lading.link(id, there));
    tablet.link.setOnline(true);
    await world.quiet();
    expect(phone.ids(there)).toEqual([id]);
    expect(shows(phone.lading.view(id))).toBe('failed, waiting for bytes');
    expect(phone.lading.view(id).error?.code).toBe('source_missing');
    expect(shows(tablet.lading.view(id))).toBe('local_only, waiting for author');
    await Promise.all([phone.close(), tablet.close()]);
  });

  it('holds up no other row when the old life never ends', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    // No service is here: nothing of it is ever cleaned up.
    await parts.send(1, { type: 'cancelled' });
    const rows = [delta(1, 10, { owner: owner('i2') }), delta(2, 11), delta(3, 12)];
    const puller = parts.puller({ backend: pagesOf(() => rows), pageSize: 1 });
    const pull = () => parts.until(puller.pull(scope, { signal: never }));
    expect(await pull()).toEqual({ applied: 2, held: true });
    expect(parts.refs().map(({ mediaId }) => mediaId)).toEqual([media(2), media(3)]);
    expect(parts.refs(owner('i2'))).toEqual([]);
    expect([parts.place().cursor, puller.canGoOn(scope)]).toEqual([null, false]);
    rows.push(delta(4, 13));
    expect(await pull()).toEqual({ applied: 1, held: true });
    expect(parts.log(1).at(-1)).toBe('cancelled');
  });

  it('waits until the old life is over, while other rows go on, and then looks by itself', async () => {
    const { world, phone, tablet } = await couple();
    world.network.setHostUp(REMOTE_HOST, false);
    const id = await phone.capture('begun and cancelled');
    await world.clock.advanceBy(10_000);
    await world.until(phone.lading.cancel(id));
    world.network.setHostUp(REMOTE_HOST, true);
    const other = await tablet.capture('another one', there);
    await world.until(tablet.lading.link(id, there));
    await world.clock.advanceBy(60_000);
    // Its second look is 15 minutes away.
    expect(statusOf(phone, id)).toBe('active');
    expect(phone.ids(there)).toEqual([other]);
    const later = await tablet.capture('a later one', there);
    await world.clock.advanceBy(60_000);
    expect(phone.ids(there)).toEqual([other, later]);

    await world.clock.advanceBy(16 * 60_000);
    expect(phone.ids(there)).toEqual(tablet.ids(there));
    expect(phone.ids(there)).toContain(id);
    expect(await world.until(phone.lading.verify())).toMatchObject({ ok: true });
    await Promise.all([phone.close(), tablet.close()]);
  });
});
