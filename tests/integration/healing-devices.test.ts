import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { directoryBlobs } from 'lading/blobs/directory';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../../ports/blob-store.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { collect } from '../support/cache-world.ts';
import { agree } from '../support/sync-agreement.ts';
import { item, type SyncDevice, type SyncWorld, syncWorld } from '../support/sync-world.ts';

describe('what was recovered beside other devices (field case 16)', () => {
  it('reaches the backend and the other device as it was', async () => {
    const { world, phone, laptop, disk } = await two();
    phone.link.setOnline(false);
    const ids = [await phone.capture('a'), await phone.capture('b')];
    await phone.close();
    const again = await world.device('phone', { blobs: storeOn(disk) });
    again.link.setOnline(true);
    await world.until(again.lading.recover());
    await world.quiet();
    expect([again.ids(), laptop.ids()]).toEqual([ids, ids]);
    expect(laptop.primary()).toBe(ids[0]);
    expect(world.objects.objects()).toHaveLength(2);
    await agree(world, again, laptop);
  });

  it.each(['before', 'after'])(
    'stays removed where another device removed it, whether that is heard %s the recovery: a tombstone wins',
    async (when) => {
      const { world, phone, laptop, disk } = await two();
      world.network.setHostUp('remote', false);
      const id = await phone.capture('a photo');
      await world.quiet();
      phone.link.setOnline(false);
      await phone.close();
      await world.until(laptop.lading.remove(id, item()));
      await world.quiet();
      expect(world.rows()).toEqual([]);

      const again = await world.device('phone', { blobs: storeOn(disk) });
      if (when === 'before') {
        again.link.setOnline(true);
        await world.quiet();
      }
      expect(await world.until(again.lading.recover())).toMatchObject({ adopted: [id] });
      expect(again.ids()).toEqual([id]);
      again.link.setOnline(true);
      world.network.setHostUp('remote', true);
      await world.clock.advanceBy(40 * 60_000);
      expect([again.ids(), laptop.ids(), world.rows()]).toEqual([[], [], []]);
      await agree(world, again, laptop);
      expect([...disk.contents().keys()]).toEqual([]);
    },
  );

  it('that a tombstone meets only after its upload goes too', async () => {
    const { world, phone, laptop, disk } = await two();
    world.network.setHostUp('remote', false);
    const id = await phone.capture('a photo');
    await world.quiet();
    phone.link.setOnline(false);
    await phone.close();
    await world.until(laptop.lading.remove(id, item()));
    await world.quiet();

    const again = await world.device('phone', { blobs: storeOn(disk) });
    world.network.setHostUp('backend', false);
    world.network.setHostUp('remote', true);
    again.link.setOnline(true);
    await world.until(again.lading.recover());
    await world.quiet();
    expect(again.lading.view(id)).toMatchObject({ state: 'uploaded' });
    world.network.setHostUp('backend', true);
    await world.until(again.lading.retrySync());
    await world.quiet();
    expect([again.ids(), laptop.ids(), world.rows()]).toEqual([[], [], []]);
    expect(world.backend.unreferenced(60_000)).toHaveLength(1);
  });
});

describe('bytes that share a file, after a backup was restored that does not know them', () => {
  it('are not evicted with the attachment that it knows, also when a delta told of theirs first', async () => {
    const { world, phone, disk } = await two();
    const old = await phone.capture('the same photo');
    await world.quiet();
    const folder = await mkdtemp(join(tmpdir(), 'lading-backup-'));
    try {
      await backup(phone.handle, join(folder, 'old.db'));
      world.network.setHostUp('remote', false);
      const unsent = await phone.capture('the same photo');
      await world.quiet();
      const bytes = await readAll(world, phone, unsent);
      await phone.close();

      const restored = await world.device('phone', {
        blobs: storeOn(disk),
        handle: new DatabaseSync(join(folder, 'old.db')),
      });
      await world.quiet();
      expect(restored.ids()).toEqual([old, unsent]); // "not here yet", says the delta
      await world.clock.advanceBy(60_000);
      await world.until(restored.lading.freeRoom(1e9));
      const report = await world.until(restored.lading.recover());
      expect(report).toMatchObject({ adopted: [unsent], leftOut: [] });
      expect(await readAll(world, restored, unsent)).toEqual(bytes);
      world.network.setHostUp('remote', true);
      await world.clock.advanceBy(40 * 60_000);
      expect(restored.lading.view(unsent)).toMatchObject({ state: 'uploaded' });
      await restored.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a cloned installation (contract 10.8)', () => {
  it('doubles nothing, loses nothing, and both converge', async () => {
    const { world, phone, laptop, disk } = await two();
    const sent = await phone.capture('sent');
    await world.quiet();
    phone.link.setOnline(false);
    const waiting = [await phone.capture('b'), await phone.capture('c')];
    await world.until(phone.lading.move(waiting[1] ?? sent, item(), 0));

    const twin = await clone(world, phone, disk);
    // Each goes a way of its own before they meet again.
    const mine = await phone.capture('mine');
    const theirs = await twin.capture('theirs');
    await world.until(twin.lading.remove(sent, item()));
    phone.link.setOnline(true);
    twin.link.setOnline(true);
    await world.clock.advanceBy(40 * 60_000);

    const all = [...waiting, mine, theirs].toSorted();
    expect([...phone.ids()].toSorted()).toEqual(all);
    const objects = world.objects.objects().map(({ key }) => key.slice(key.indexOf('/') + 1));
    expect(new Set(objects)).toEqual(new Set<string>([...all, sent]));
    expect(objects).toHaveLength(all.length + 1);
    expect(everCompleted(world)).toBe(all.length + 1);
    expect([twin.ids(), laptop.ids()]).toEqual([phone.ids(), phone.ids()]);
    await agree(world, phone, twin, laptop);
  });

  it('that was cloned in the middle of an upload ends with one object', async () => {
    const { world, phone, laptop, disk } = await two();
    const id = await phone.capture('a large photo', item(), 200_000);
    const opened = (): boolean =>
      phone.lading.history(id).some(({ type }) => type === 'upload.opened');
    expect(await world.clock.runUntil(opened)).toBe(true);
    expect(phone.lading.view(id)).toMatchObject({ state: 'uploading' });
    const twin = await clone(world, phone, disk);
    expect(twin.lading.history(id).map(({ type }) => type)).toContain('upload.opened');
    twin.link.setOnline(true);
    await world.quiet();
    expect([phone.lading.view(id).state, twin.lading.view(id).state]).toEqual([
      'uploaded',
      'uploaded',
    ]);
    expect(everCompleted(world)).toBe(1);
    expect(world.objects.sessions()).toEqual([]);
    expect(world.rows()).toHaveLength(1);
    await agree(world, phone, twin, laptop);
  });
});

async function two() {
  const world = syncWorld(1);
  const disk = new SimDisk({ random: seededRandom(1), now: () => world.clock.now() });
  const phone = await world.device('phone', { blobs: storeOn(disk) });
  const laptop = await world.device('laptop');
  return { world, phone, laptop, disk };
}

function storeOn(disk: SimDisk): BlobStore {
  return directoryBlobs({ disk: diskPort(disk) });
}

/** Another device with a copy of the database and of the directory, while this one runs on; it has no network yet. */
async function clone(world: SyncWorld, device: SyncDevice, disk: SimDisk): Promise<SyncDevice> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-clone-'));
  try {
    await backup(device.handle, join(folder, 'clone.db'));
    const copy = new SimDisk({ random: seededRandom(2), now: () => world.clock.now() });
    for (const [path, bytes] of disk.contents()) {
      copy.makeDirectory(path.slice(0, path.lastIndexOf('/')));
      copy.open(path, 'create').write(0, bytes);
    }
    world.network.link('twin').setOnline(false);
    const handle = new DatabaseSync(join(folder, 'clone.db'));
    return await world.device('twin', { blobs: storeOn(copy), handle });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readAll(world: SyncWorld, { lading }: SyncDevice, id: string): Promise<Buffer> {
  const found = await world.until(lading.resolve(id));
  return world.until(collect(found.open()));
}

function everCompleted(world: SyncWorld): number {
  return world.objects.history.length;
}
