import type { Fault, Remote } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, image, picture, world } from '../support/lading-world.ts';

const DOWN: Fault = { ok: false, class: 'retryable', code: 'server_error' };

describe('downloads', () => {
  /** One photo that was uploaded and evicted, and more that cannot be uploaded: their remote is down. */
  async function withEvicted(host?: string) {
    const state = { isDown: false };
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true } } },
      script: ({ operation }) =>
        state.isDown && operation === 'upload' ? { fault: DOWN } : undefined,
    });
    const remote: Remote = host === undefined ? phone.remote : { ...phone.remote, host };
    const lading = await phone.open({ remote });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(1_000);
    state.isDown = true;
    await captureMany(phone, lading, 12);
    await phone.pass(10);
    const downloads = () =>
      phone.remote.calls.filter(({ operation }) => operation === 'download').length;
    return { phone, lading, photo, downloads, state };
  }

  it('from another host go on while the remote of uploads rests', async () => {
    const { phone, lading, photo, downloads } = await withEvicted('uploads.example');
    const bytes = await phone.until(lading.resolve(photo.ref));
    expect(bytes.byteSize).toBeGreaterThan(0);
    expect(downloads()).toBe(1);
  });

  it('begin as soon as the network is back, also while uploads are paused', async () => {
    const { phone, lading, photo, downloads } = await withEvicted('uploads.example');
    await lading.pause();
    phone.net.set({ online: false });
    const reading = lading.resolve(photo.ref);
    await phone.pass(7_000);
    expect(downloads()).toBe(0);
    phone.net.set({ online: true });
    await phone.pass(1);
    expect(downloads()).toBe(1);
    expect((await phone.until(reading)).byteSize).toBeGreaterThan(0);
  });

  it('from the host that rests wait with it, and burn no try', async () => {
    const { phone, lading, photo, downloads, state } = await withEvicted('objects.example');
    const reading = lading.resolve(photo.ref);
    await phone.pass(1_000);
    expect(downloads()).toBe(0);
    state.isDown = false;
    expect((await phone.until(reading)).byteSize).toBeGreaterThan(0);
    const failed = lading.history(photo.id).filter(({ type }) => type === 'download.failed');
    expect(failed.every(({ payload }) => JSON.stringify(payload).includes('"offline"'))).toBe(true);
  });
});

describe('removals', () => {
  it('begin as soon as their remote may be asked again, not at some later look', async () => {
    const asked: Fault = { ...DOWN, retryAfterMs: 33_000 };
    const phone = world({
      script: ({ operation }) => (operation === 'upload' ? { fault: asked } : undefined),
    });
    const lading = await phone.open();
    const { id } = await phone.until(lading.capture(picture(), image()));
    await phone.pass(10);
    const before = phone.clock.now();
    await phone.until(lading.cancel(id));
    const removed = () => phone.remote.calls.some(({ operation }) => operation === 'remove');
    await phone.clock.runUntil(removed);
    expect(phone.clock.now() - before).toBeGreaterThan(30_000);
    expect(phone.clock.now() - before).toBeLessThanOrEqual(33_000);
  });
});
