import { expect } from 'vitest';
import type { SyncDevice, SyncWorld } from './sync-world.ts';

/** All hold exactly the backend's live refs, nothing waits, and what is stored is what the log says. */
export async function agree(world: SyncWorld, ...devices: readonly SyncDevice[]): Promise<void> {
  for (const device of devices) {
    expect(device.refs()).toEqual(world.rows());
    expect(await world.until(device.lading.settled())).toMatchObject({ unsyncedOps: 0 });
    expect(await world.until(device.lading.verify())).toMatchObject({ ok: true });
    await device.close();
  }
}
