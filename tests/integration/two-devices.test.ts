import type { MediaId } from 'lading';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../ports/backend.ts';
import { agree } from '../support/sync-agreement.ts';
import { item, type SyncDevice, type SyncWorld, syncWorld } from '../support/sync-world.ts';

describe('two devices', () => {
  it('shows on one what the other captured: first as not here yet, then fetched and verified (contract 1)', async () => {
    const { world, phone, laptop } = await two();
    world.network.setHostUp('remote', false);
    const id = await phone.capture('a photo');
    await world.quiet();
    expect(laptop.lading.list(item())).toMatchObject([
      {
        ref: { mediaId: id, url: `offline://${id}` },
        view: { state: 'local_only', waitingFor: 'author' },
      },
    ]);
    await expect(world.until(laptop.lading.resolve(id))).rejects.toMatchObject({
      code: 'bytes_missing',
    });
    world.network.setHostUp('remote', true);
    await world.until(phone.lading.retrySync());
    await world.quiet();
    expect(laptop.lading.view(id)).toMatchObject({ state: 'uploaded' });
    expect((await bytesOf(world, laptop, id)).includes('a photo')).toBe(true);
    await agree(world, phone, laptop);
  });

  it('removes, reorders and marks primary on a device that has nothing but synced refs', async () => {
    const { world, phone, laptop } = await two();
    const [a, b, c] = [
      await phone.capture('a'),
      await phone.capture('b'),
      await phone.capture('c'),
    ];
    await world.quiet();
    expect([laptop.ids(), laptop.primary()]).toEqual([[a, b, c], a]);
    await world.until(laptop.lading.move(c, item(), 0));
    await world.until(laptop.lading.setPrimary(b, item()));
    await world.until(laptop.lading.remove(a, item()));
    await world.quiet();
    expect([phone.ids(), phone.primary()]).toEqual([[c, b], b]);
    await agree(world, phone, laptop);
  });

  it('brings together what both did while offline: add, remove, move, set primary', async () => {
    const { world, phone, laptop } = await two();
    const [a, b, c] = [
      await phone.capture('a'),
      await phone.capture('b'),
      await phone.capture('c'),
    ];
    await world.quiet();
    offline(phone, laptop);
    const d = await phone.capture('d');
    await world.until(phone.lading.setPrimary(c, item()));
    await world.until(phone.lading.remove(b, item()));
    const e = await laptop.capture('e');
    await world.until(laptop.lading.setPrimary(b, item()));
    await world.until(laptop.lading.move(a, item(), 2));
    await world.quiet();
    expect(phone.ids()).not.toEqual(laptop.ids());
    online(phone, laptop);
    await world.quiet();
    expect(new Set(phone.ids())).toEqual(new Set([a, c, d, e]));
    expect(phone.ids()).toEqual(laptop.ids());
    await agree(world, phone, laptop);
  });

  it('lets the tombstone win over an upload that another device is in the middle of (field case 56)', async () => {
    const { world, phone, laptop } = await two();
    world.network.setHostUp('remote', false);
    const id = await phone.capture('a photo');
    await world.clock.advanceBy(10_000);
    expect(laptop.ids()).toEqual([id]);
    phone.link.setOnline(false);
    await world.until(laptop.lading.remove(id, item()));
    await world.quiet();
    world.network.setHostUp('remote', true);
    // The phone's bytes reach the remote, and only then does it hear of the backend again.
    world.network.setHostUp('backend', false);
    phone.link.setOnline(true);
    await world.quiet();
    expect(phone.lading.view(id)).toMatchObject({ state: 'uploaded' });
    world.network.setHostUp('backend', true);
    await world.until(phone.lading.retrySync());
    await world.quiet();
    expect([phone.ids(), laptop.ids()]).toEqual([[], []]);
    expect(world.backend.unreferenced(60_000)).toHaveLength(1);
    await agree(world, phone, laptop);
  });

  it('never brings a ref back by a success that comes late (contract 5.2)', async () => {
    const { world, phone, laptop } = await two({ holdBack: 0.5, holdMs: [1_000, 300_000] });
    const ids = [await phone.capture('a'), await phone.capture('b'), await phone.capture('c')];
    for (const id of ids) await world.until(phone.lading.remove(id, item()));
    await world.clock.advanceBy(40 * 60_000);
    expect([phone.ids(), laptop.ids(), world.rows()]).toEqual([[], [], []]);
    expect(phone.lading.history(ids[0] ?? '').map(({ type }) => type)).not.toContain('ref.synced');
    await agree(world, phone, laptop);
  });

  it('does not tell the backend of a removal that was undone before it was sent', async () => {
    const { world, phone, laptop } = await two();
    const id = await phone.capture('a');
    await world.quiet();
    const undo = await world.until(phone.lading.remove(id, item()));
    await world.clock.advanceBy(20_000);
    expect(laptop.ids()).toEqual([id]);
    await world.until(phone.lading.undo(undo));
    await world.quiet();
    expect([phone.ids(), laptop.ids()]).toEqual([[id], [id]]);
    expect(laptop.lading.history(id).map(({ type }) => type)).not.toContain('ref.tombstoned');
    await agree(world, phone, laptop);
  });

  it('never shows two refs on one device where the other replaced its photo (contract 5.2)', async () => {
    const { world, phone, laptop } = await two();
    const old = await phone.capture('a logo');
    await world.quiet();
    const seen = new Set<string>();
    laptop.lading.watch(item(), () => seen.add(laptop.ids().join()));
    const { id: next } = await phone.replace(old, 'a better logo');
    await world.clock.advanceBy(10_000);
    expect(laptop.ids()).toEqual([next]);
    await world.quiet();
    expect([...seen].filter((ids) => ids.includes(','))).toEqual([]);
    await agree(world, phone, laptop);
  });

  it('takes a replacement back on every device: in time, and after the other one has let go of it', async () => {
    const { world, phone, laptop } = await two();
    for (const afterMs of [5_000, 45 * 60_000]) {
      const old = await phone.capture(`a logo ${afterMs}`);
      await world.quiet();
      await world.until(laptop.lading.resolve(old));
      const { id: next, undo } = await phone.replace(old, `a better logo ${afterMs}`);
      await world.clock.advanceBy(10_000);
      expect(laptop.ids()).not.toContain(old);
      await world.until(phone.lading.undo(undo));
      // What was undone here reaches the other one later: it has purged by then.
      laptop.link.setOnline(false);
      await world.clock.advanceBy(afterMs);
      laptop.link.setOnline(true);
      await world.quiet();
      for (const device of [phone, laptop]) {
        expect(device.ids()).toContain(old);
        expect(device.ids()).not.toContain(next);
        expect(device.lading.view(old)).toMatchObject({ state: 'uploaded' });
      }
      expect((await bytesOf(world, laptop, old)).includes(`a logo ${afterMs}`)).toBe(true);
    }
    await agree(world, phone, laptop);
  });

  it('keeps the object of a photo whose replacement was taken back offline, for as long as it takes', async () => {
    const { world, phone, laptop } = await two();
    const old = await phone.capture('a logo');
    await world.quiet();
    const { id: next, undo } = await phone.replace(old, 'a better logo');
    await world.clock.advanceBy(10_000);
    expect(laptop.ids()).toEqual([next]);
    phone.link.setOnline(false);
    await world.until(phone.lading.undo(undo));
    await world.clock.advanceBy(2 * 3_600_000);
    expect(world.backend.unreferenced(15 * 60_000)).toEqual([]);
    phone.link.setOnline(true);
    await world.clock.advanceBy(45 * 60_000);
    expect([phone.ids(), laptop.ids()]).toEqual([[old], [old]]);
    expect((await bytesOf(world, laptop, old)).includes('a logo')).toBe(true);
    expect(world.backend.unreferenced(15 * 60_000).map((key) => key.split('/')[1])).toEqual([next]);
    await agree(world, phone, laptop);
  });

  it('orders refs of equal rank alike on both devices', async () => {
    const { world, phone, laptop } = await two();
    offline(phone, laptop);
    const [a, b] = [await phone.capture('a'), await laptop.capture('b')];
    online(phone, laptop);
    await world.quiet();
    const ranks = new Set(world.rows().map(({ rank }) => rank));
    expect(ranks.size).toBe(1);
    expect(phone.ids()).toEqual([a, b].toSorted());
    expect(laptop.ids()).toEqual([a, b].toSorted());
    const c = await laptop.capture('c');
    await world.until(laptop.lading.move(c, item(), 1));
    await world.quiet();
    await agree(world, phone, laptop);
  });

  it('has one row for each ref though each op is delivered twice (field case 19)', async () => {
    const { world, phone, laptop } = await two({ duplicate: 1, holdMs: [1, 20_000] });
    const id = await phone.capture('a');
    await world.quiet();
    expect(world.rows().map(({ id: row }) => row.split('|')[0])).toEqual([id]);
    await agree(world, phone, laptop);
  });

  it('does not lose another device’s change behind an op whose reply was lost', async () => {
    const world = syncWorld(7);
    let isMute = false;
    const phone = await world.device('phone', { wrap: mutable(() => isMute) });
    const laptop = await world.device('laptop');
    const [a, b] = [await phone.capture('a'), await phone.capture('b')];
    await world.quiet();
    isMute = true;
    await world.until(phone.lading.move(a, item(), 1));
    await world.clock.advanceBy(1_000);
    expect(laptop.ids()).toEqual([b, a]);
    await world.until(laptop.lading.move(a, item(), 0));
    await world.clock.advanceBy(5_000);
    expect(phone.ids()).toEqual([b, a]);
    isMute = false;
    await world.quiet();
    expect([phone.ids(), laptop.ids()]).toEqual([
      [a, b],
      [a, b],
    ]);
    await agree(world, phone, laptop);
  });

  it('listens once while in use, and a device that slept hears of all with its first pass', async () => {
    const { world, phone, laptop } = await two();
    laptop.link.setOnline(false);
    for (let n = 0; n < 30; n++) await phone.capture(`photo ${n}`, item(`i${n % 3}`));
    await world.quiet();
    laptop.link.setOnline(true);
    await world.quiet();
    expect(laptop.ids(item('i2'))).toEqual(phone.ids(item('i2')));
    await agree(world, phone, laptop);
  });
});

async function two(faults: Parameters<typeof syncWorld>[1] = {}) {
  const world = syncWorld(1, faults);
  const phone = await world.device('phone');
  const laptop = await world.device('laptop');
  return { world, phone, laptop };
}

async function bytesOf(world: SyncWorld, device: SyncDevice, mediaId: MediaId): Promise<Buffer> {
  const bytes = await world.until(device.lading.resolve(mediaId));
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes.open()) pieces.push(piece);
  return Buffer.concat(pieces);
}

function offline(...devices: readonly SyncDevice[]): void {
  for (const { link } of devices) link.setOnline(false);
}

function online(...devices: readonly SyncDevice[]): void {
  for (const { link } of devices) link.setOnline(true);
}

/** A backend that acts and, while `isMute`, whose answers to pushes are lost. */
function mutable(isMute: () => boolean): (backend: Backend) => Backend {
  return (backend) => ({
    ...backend,
    async push(ops, options) {
      const results = await backend.push(ops, options);
      if (isMute()) throw new Error('the reply was lost');
      return results;
    },
  });
}
