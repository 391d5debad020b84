import type { AttachmentActorSnapshot } from 'lading';
import { describe, expect, it } from 'vitest';
import { createSnapshotCache, type Loaded } from '../../engine/host/snapshots.ts';
import type { StreamId } from '../../ports/event-store.ts';
import {
  captureMany,
  codeOf,
  gate,
  image,
  picture,
  shows,
  world,
} from '../support/lading-world.ts';

describe('lading.actor', () => {
  it('shows what the attachment does, and carries out what it is sent', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const actor = await phone.until(lading.actor(photo.ref));
    expect(actor.id).toBe(photo.id);
    const seen: string[] = [];
    const { unsubscribe } = actor.subscribe(({ context }) => {
      if (context.view !== null) seen.push(shows(context.view));
    });
    expect(seen).toEqual([]);
    actor.send({ type: 'pause' });
    await phone.pass();
    phone.net.set({ online: true });
    await phone.pass();
    actor.send({ type: 'resume' });
    await phone.until(lading.settled());
    expect(seen.at(0)).toBe('local_only, waiting for resume');
    expect(seen.at(-1)).toBe('uploaded');
    expect(actor.getSnapshot().context.ref).toMatchObject({ url: photo.ref.url });
    unsubscribe();
    const before = seen.length;
    await phone.until(lading.cancel(photo.id));
    expect(seen).toHaveLength(before);
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', output: { id: photo.id } });
  });

  it('gives the same snapshot as long as nothing changed, and keeps each part that did not', async () => {
    const phone = world();
    const lading = await phone.open();
    const [one = '', other = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.settled());
    const actor = await phone.until(lading.actor(one));
    const snapshot = actor.getSnapshot();
    const seen: AttachmentActorSnapshot[] = [];
    actor.subscribe({ next: (next) => void seen.push(next) });
    await phone.until(lading.pin(other));
    await phone.until(lading.pin(one));
    await phone.until(lading.move(one, image().owner, 1));
    phone.net.set({ online: false });
    await phone.pass(10_000);
    expect(seen).toEqual([]);
    expect(actor.getSnapshot()).toBe(snapshot);
    await phone.until(lading.remove(one, image().owner));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.context.ref).toBe(snapshot.context.ref);
  });

  it('shows live progress', async () => {
    const held = gate();
    const phone = world({
      script: ({ nth }) => (nth === 1 ? undefined : { after: held.promise }),
    });
    const lading = await phone.open();
    const actor = await phone.until(
      phone
        .until(lading.capture(picture('big', 300_000), image()))
        .then(({ id }) => lading.actor(id)),
    );
    const sent: number[] = [];
    actor.subscribe(({ context }) => {
      if (context.view?.progress !== undefined) sent.push(context.view.progress.sentBytes);
    });
    await phone.until(lading.settled());
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.at(-1)).toBe(300_000);
    held.open();
  });

  it('keeps its machine in memory until it is stopped, whatever else is used', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    phone.kill();
    const fresh = await phone.open();
    expect(fresh.metrics().process.inMemory).toBe(0);
    const [first, second] = [
      await phone.until(fresh.actor(photo.id)),
      await phone.until(fresh.actor(photo.id)),
    ];
    expect(fresh.metrics().process.inMemory).toBe(1);
    first.stop();
    expect(second.getSnapshot().context.view?.state).toBe('uploaded');
    second.stop();
    second.stop();
    expect(second.getSnapshot().context.view?.state).toBe('uploaded');
  });

  it('is not there for what is unknown; of a ref that only was synced it shows what can be known', async () => {
    const phone = world();
    const lading = await phone.open();
    const id = lading.newMediaId();
    expect(await codeOf(phone.until(lading.actor(id)))).toBe('not_found');
    expect(await codeOf(phone.until(lading.actor('no id')))).toBe('invalid_id');
    const ref = { mediaId: id, url: `offline://${id}`, kind: 'image' } as const;
    const actor = await phone.until(lading.actor(ref));
    expect(actor.getSnapshot().context).toMatchObject({ ref, view: { waitingFor: 'author' } });
  });

  it('stays quiet after stop, and the upload goes on', async () => {
    const held = gate();
    const phone = world({ script: () => ({ after: held.promise }) });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const actor = await phone.until(lading.actor(photo.id));
    await phone.pass();
    let calls = 0;
    actor.subscribe(() => {
      calls += 1;
    });
    actor.stop();
    held.open();
    await phone.until(lading.settled());
    expect(calls).toBe(0);
    expect(shows(photo.view)).toBe('uploaded');
  });

  it('serves thousands of subscriptions from rows: none of them loads a machine', async () => {
    const phone = world();
    const lading = await phone.open();
    const ids = await captureMany(phone, lading, 40);
    await phone.until(lading.settled());
    phone.kill();
    const fresh = await phone.open();
    let calls = 0;
    const stops = Array.from({ length: 4_000 }, (_, index) =>
      fresh.watch(ids[index % ids.length] ?? '', () => {
        calls += 1;
      }),
    );
    expect(calls).toBe(4_000);
    expect(fresh.metrics().process.inMemory).toBe(0);
    await phone.until(fresh.remove(ids[0] ?? '', image().owner));
    expect(calls).toBe(4_100);
    for (const stop of stops) stop();
  });
});

describe('the cache of streams in memory', () => {
  const [a, b, c] = ['a', 'b', 'c'] as readonly string[] as readonly [StreamId, StreamId, StreamId];
  const loaded = { version: 1 } as Loaded;

  it('drops the least recently used first, but none that is pinned', () => {
    const cache = createSnapshotCache(1);
    cache.set(a, loaded);
    const [one, two] = [cache.pin(a), cache.pin(a)];
    cache.set(b, loaded);
    cache.set(c, loaded);
    expect([a, b, c].map((stream) => cache.get(stream) !== undefined)).toEqual([true, false, true]);
    one();
    one();
    cache.set(b, loaded);
    expect(cache.get(a)).toBe(loaded);
    two();
    expect(cache.size).toBe(1);
  });
});
