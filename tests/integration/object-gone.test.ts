import type { MediaId } from 'lading';
import { describe, expect, it } from 'vitest';
import type { Backend, BackendOp, PushedOp } from '../../ports/backend.ts';
import { agree } from '../support/sync-agreement.ts';
import {
  type DeviceOptions,
  item,
  type SyncDevice,
  type SyncWorld,
  syncWorld,
} from '../support/sync-world.ts';

const GRACE_MS = 20 * 60_000;
const receipts = item('i2');

/** One device removes a photo; the other one, offline, links it elsewhere; meanwhile the backend deletes the object. */
describe('a link that comes after the backend deleted the object', () => {
  it('fails where no bytes are left, and is not asked for again by any start or “Retry sync” (contract 2, 3.5, 5.2)', async () => {
    const { world, phone, laptop, id } = await linkedTooLate({ hasBytes: false });
    const asked = laptop.pushed.length;
    expect(laptop.device.lading.view(id)).toMatchObject({
      state: 'failed',
      error: { code: 'object_gone', retryable: false },
    });
    await world.until(laptop.device.lading.retrySync());
    await laptop.device.close();
    const again = await counted(world, 'laptop', { handle: laptop.device.handle });
    const { lading } = again.device;
    await world.quiet();
    expect(await world.until(lading.retrySync())).toMatchObject({ retried: 0 });
    expect([laptop.pushed.length, again.pushed.length]).toEqual([asked, 0]);
    expect(again.device.ids(receipts)).toEqual([id]);
    expect((await lading.explain(id)).advice.text).toMatch(/remove this one/);

    // A person may ask, and is answered once.
    await world.until(lading.retry(id));
    await world.quiet();
    expect(again.pushed.map(({ op }) => op.type)).toEqual(['ref.put']);
    expect(lading.view(id)).toMatchObject({ error: { code: 'object_gone' } });

    await world.until(lading.remove(id, receipts));
    await world.quiet();
    await agree(world, phone.device, again.device);
    expect(world.rows()).toEqual([]);
  });

  it('is sent again where its bytes are, and both devices have it (contract 4.2, 5.2)', async () => {
    const { world, phone, laptop, id } = await linkedTooLate({ hasBytes: true });
    for (const { device } of [phone, laptop]) {
      expect(device.ids(receipts)).toEqual([id]);
      expect(device.lading.view(id)).toMatchObject({ state: 'uploaded' });
      expect(await textOf(world, device, id)).toContain('a photo');
    }
    const { sentences } = await laptop.device.lading.explain(id);
    expect(sentences.join(' ')).toMatch(/still on this device: they are sent again/);
    expect(world.objects.objects()).toHaveLength(1);
    expect(world.backend.unreferenced(0)).toEqual([]);
    await agree(world, phone.device, laptop.device);
  });

  it('is sent again where its bytes are though its place held it once and lost it', async () => {
    const { world, phone, laptop, id } = await linkedTooLate({ hasBytes: true, place: item() });
    for (const { device } of [phone, laptop]) {
      expect(device.ids()).toEqual([id]);
      expect(device.lading.view(id)).toMatchObject({ state: 'uploaded' });
    }
    await agree(world, phone.device, laptop.device);
  });

  it('ends in a failure at a backend that takes no bytes anew, however often it refuses', async () => {
    const stubborn = (op: BackendOp): BackendOp => {
      if (op.type === 'ref.delete') return op;
      const { sentAfter: _unheard, ...rest } = op;
      return rest;
    };
    const { world, laptop, id } = await linkedTooLate({ hasBytes: true, heard: stubborn });
    expect(laptop.device.lading.view(id)).toMatchObject({
      state: 'failed',
      error: { code: 'object_gone', retryable: false },
    });
    const asked = laptop.pushed.length;
    await world.until(laptop.device.lading.retrySync());
    await world.quiet();
    expect(laptop.pushed.length).toBe(asked);
    expect(await textOf(world, laptop.device, id)).toContain('a photo');
  });

  it.each([
    ['in the same place', receipts],
    ['elsewhere', item('i3')],
  ])(
    'is no failure any more once another device, which linked it %s, has sent the bytes',
    async (_title, place) => {
      const world = syncWorld(1);
      const tablet = await counted(world, 'tablet');
      const phone = await counted(world, 'phone');
      const laptop = await counted(world, 'laptop');
      const id = await phone.device.capture('a photo');
      await world.quiet();
      for (const { device } of [phone, laptop]) device.link.setOnline(false);
      await world.until(tablet.device.lading.remove(id, item()));
      await world.until(phone.device.lading.link(id, receipts));
      await world.until(laptop.device.lading.link(id, place));
      await world.clock.advanceBy(2 * GRACE_MS);
      deleteUnreferenced(world, GRACE_MS);
      laptop.device.link.setOnline(true);
      await world.quiet();
      expect(laptop.device.lading.view(id)).toMatchObject({ error: { code: 'object_gone' } });
      phone.device.link.setOnline(true);
      await world.quiet();
      expect(laptop.device.lading.view(id)).toMatchObject({ state: 'uploaded' });
      expect(laptop.device.ids(place)).toEqual([id]);
      expect(await textOf(world, laptop.device, id)).toContain('a photo');
      expect(world.rows()).toHaveLength(place === receipts ? 1 : 2);
      await agree(world, phone.device, laptop.device, tablet.device);
    },
  );

  it('leaves no object when its ref is removed while it is sent again', async () => {
    const { world, phone, laptop, id } = await linkedTooLate({ hasBytes: true, isRemoteUp: false });
    expect(laptop.device.lading.view(id)).toMatchObject({ error: { code: 'connection_refused' } });
    world.network.setHostUp('remote', true);
    await world.until(laptop.device.lading.retry(id));
    await world.clock.runUntil(() => world.objects.objects().length > 0);
    await world.until(laptop.device.lading.remove(id, receipts));
    await world.clock.advanceBy(2 * GRACE_MS);
    deleteUnreferenced(world, GRACE_MS);
    expect(world.objects.objects()).toEqual([]);
    await agree(world, phone.device, laptop.device);
  });
});

interface Wish {
  /** The device that links it has read it before. */
  readonly hasBytes: boolean;
  /** Where it is linked. Default receipts. */
  readonly place?: typeof receipts;
  readonly isRemoteUp?: boolean;
  /** What the backend hears of the laptop's ops. */
  readonly heard?: (op: BackendOp) => BackendOp;
}

async function linkedTooLate({ hasBytes, place = receipts, isRemoteUp, heard }: Wish) {
  const world = syncWorld(1);
  const phone = await counted(world, 'phone');
  const laptop = await counted(world, 'laptop', heard === undefined ? {} : { heard });
  const id = await phone.device.capture('a photo');
  await world.quiet();
  if (hasBytes) await textOf(world, laptop.device, id);
  laptop.device.link.setOnline(false);
  if (place === receipts) await world.until(phone.device.lading.remove(id, item()));
  else {
    // Both remove it; one has it back before the news of either removal reaches the other.
    await world.until(phone.device.lading.link(id, item('i3')));
    await world.until(phone.device.lading.remove(id, item('i3')));
    await world.until(phone.device.lading.remove(id, item()));
    await world.until(laptop.device.lading.link(id, receipts));
    await world.until(laptop.device.lading.remove(id, item()));
    await world.clock.advanceBy(60_000);
    await world.until(laptop.device.lading.link(id, item()));
    await world.until(laptop.device.lading.remove(id, receipts));
  }
  if (place === receipts) await world.until(laptop.device.lading.link(id, receipts));
  await world.clock.advanceBy(2 * GRACE_MS);
  deleteUnreferenced(world, GRACE_MS);
  expect(world.objects.objects()).toEqual([]);
  if (isRemoteUp === false) world.network.setHostUp('remote', false);
  laptop.device.link.setOnline(true);
  await world.quiet();
  return { world, phone, laptop, id };
}

async function counted(
  world: SyncWorld,
  name: string,
  { heard = (op: BackendOp) => op, ...options }: Pick<Wish, 'heard'> & DeviceOptions = {},
) {
  const pushed: PushedOp[] = [];
  const wrap = (backend: Backend): Backend => ({
    ...backend,
    push(ops, bounds) {
      pushed.push(...ops);
      return backend.push(
        ops.map(({ opId, op }) => ({ opId, op: heard(op) })),
        bounds,
      );
    },
  });
  return { device: await world.device(name, { ...options, wrap }), pushed };
}

/** The backend's own job. */
function deleteUnreferenced(world: SyncWorld, graceMs: number): void {
  const token = world.objects.issueToken('ann', 10 ** 12);
  for (const key of world.backend.unreferenced(graceMs)) {
    expect(world.objects.remove(token, key)).toMatchObject({ status: 200 });
    world.backend.objectRemoved(key);
  }
}

async function textOf(world: SyncWorld, device: SyncDevice, id: MediaId): Promise<string> {
  const bytes = await world.until(device.lading.resolve(id));
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes.open()) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}
