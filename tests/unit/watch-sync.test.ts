import type { Backend, SyncView } from 'lading';
import { createReferenceBackend } from 'lading/sync';
import { describe, expect, it } from 'vitest';
import { captureMany, gate, image, picture, world } from '../support/lading-world.ts';

/** What a watcher was told, shortest form: state, pending, failed. */
function told(views: readonly SyncView[]): readonly string[] {
  return views.map(
    ({ state, pending, failed }) => `${state} ${pending}${failed > 0 ? ` failed ${failed}` : ''}`,
  );
}

describe("watch('sync') (contract 4.7, 8)", () => {
  it('counts what waits while offline, works when the network comes, and is idle at the end', async () => {
    const sent = gate();
    const phone = world({ online: false, script: () => ({ after: sent.promise }) });
    const backend = createReferenceBackend({ clock: phone.clock });
    const lading = await phone.open({ backend: backend.client('account-1') });
    const views: SyncView[] = [];
    lading.watch('sync', (view) => void views.push(view));
    await captureMany(phone, lading, 2);
    await phone.pass(1_000);
    expect(views.at(-1)).toEqual({
      state: 'waiting',
      pending: 4,
      failed: 0,
      uploading: 0,
      unsyncedOps: 2,
      online: false,
      paused: false,
    });
    phone.net.set({ online: true, metered: false });
    await phone.pass(1_000);
    expect(views.at(-1)).toMatchObject({ state: 'syncing', uploading: 2, online: true });
    sent.open();
    await phone.until(lading.settled());
    await phone.pass(1_000);
    expect(told(views)[0]).toBe('idle 0');
    expect(views.at(-1)).toMatchObject({ state: 'idle', pending: 0, online: true });
  });

  it('is an error while the backend fails, and no more when it answers; offline is none', async () => {
    const phone = world();
    const backend = createReferenceBackend({ clock: phone.clock }).client('account-1');
    let broken = true;
    const flaky: Backend = {
      ...backend,
      push: async (...args) => {
        if (broken) throw new Error('503');
        return backend.push(...args);
      },
    };
    const lading = await phone.open({ backend: flaky });
    const views: SyncView[] = [];
    lading.watch('sync', (view) => void views.push(view));
    await captureMany(phone, lading, 1);
    await phone.pass(5_000);
    expect(views.at(-1)?.state).toBe('error');
    phone.net.set({ online: false, metered: false });
    await phone.pass(1_000);
    expect(views.at(-1)).toMatchObject({ state: 'waiting', online: false });
    broken = false;
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    await phone.pass(1_000);
    expect(views.at(-1)?.state).toBe('idle');
  });

  it('is an error while uploads wait for a retry; "Retry sync" ends it', async () => {
    let refuses = true;
    const phone = world({
      script: () =>
        refuses ? { fault: { ok: false, class: 'retryable', code: 'unavailable' } } : undefined,
      fields: { 'item.images': { kinds: ['image'], policy: { maxAttempts: 1 } } },
    });
    const lading = await phone.open();
    const views: SyncView[] = [];
    lading.watch('sync', (view) => void views.push(view));
    await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    await phone.pass(1_000);
    expect(views.at(-1)).toMatchObject({ state: 'error', failed: 1 });
    refuses = false;
    await phone.until(lading.retrySync());
    await phone.until(lading.settled());
    await phone.pass(1_000);
    expect(views.at(-1)).toMatchObject({ state: 'idle', failed: 0 });
  });

  it('tells a burst of commits once, nothing twice, and nothing after it was stopped', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const views: SyncView[] = [];
    const stop = lading.watch('sync', (view) => void views.push(view));
    for (let n = 0; n < 5; n++) void captureMany(phone, lading, 3);
    await phone.pass(2_000);
    expect(views.length).toBeLessThan(5);
    expect(new Set(views.map((view) => JSON.stringify(view))).size).toBe(views.length);
    stop();
    const before = views.length;
    await captureMany(phone, lading, 1);
    await phone.pass(1_000);
    expect(views.length).toBe(before);
  });

  it('survives a watcher that throws', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const views: SyncView[] = [];
    lading.watch('sync', () => {
      throw new Error('a screen');
    });
    lading.watch('sync', (view) => void views.push(view));
    await captureMany(phone, lading, 1);
    await phone.pass(1_000);
    expect(views.at(-1)?.pending).toBe(1);
    expect(phone.logged.filter(({ message }) => message === 'a watcher threw').length).toBe(2);
  });
});
