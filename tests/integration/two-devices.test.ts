import { describe, expect, it } from 'vitest';
import { item, syncWorld } from '../support/sync-world.ts';

describe('two devices', () => {
  it('shows on one what the other captured: first as not here yet, then fetched and verified', async () => {
    const world = syncWorld(1);
    const phone = await world.device('phone');
    const laptop = await world.device('laptop');
    world.network.setHostUp('remote', false);
    const id = await phone.capture('a photo');
    await world.quiet();
    expect(laptop.lading.list(item())).toMatchObject([
      {
        ref: { mediaId: id, url: `offline://${id}` },
        view: { state: 'local_only', waitingFor: 'author' },
      },
    ]);
    world.network.setHostUp('remote', true);
    await world.until(phone.lading.retrySync());
    await world.quiet();
    expect(laptop.lading.view(id)).toMatchObject({ state: 'uploaded' });
    const bytes = await world.until(laptop.lading.resolve(id));
    expect(bytes.byteSize).toBe(7);
    expect(phone.refs()).toEqual(world.rows());
    expect(laptop.refs()).toEqual(world.rows());
    await phone.close();
    await laptop.close();
  });
});
