import type { Remote, UploadContext } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, image, owner, picture, shows, world } from '../support/lading-world.ts';

describe('an upload that a kill interrupted', () => {
  it('goes on under the handle that the remote gave it, and says that it ran before (contract 4.1, 4.2)', async () => {
    const phone = world();
    const seen: Pick<UploadContext, 'handle' | 'rerun'>[] = [];
    // A remote that makes up its own names: only the handle finds the half that it holds.
    const remote: Remote = {
      ...phone.remote,
      async upload(request, context) {
        seen.push({ handle: context.handle, rerun: context.rerun });
        if (context.handle === null) {
          await context.opened(`server-named-${seen.length}`);
          await new Promise(() => {});
        }
        return phone.remote.upload(request, { ...context, handle: null });
      },
    };
    const first = await phone.open({ remote, runner: { leaseMs: 3_000 } });
    const [id = ''] = await captureMany(phone, first, 1);
    await phone.pass(10);
    phone.kill();

    const second = await phone.open({ remote, runner: { leaseMs: 3_000 } });
    await phone.pass(60_000);
    expect(seen).toEqual([
      { handle: null, rerun: false },
      { handle: 'server-named-1', rerun: true },
    ]);
    expect(shows(second.view(id))).toBe('uploaded');
  });

  it('looks at the remote first after an attempt that failed, too (contract 4.4, field case 20)', async () => {
    const phone = world({
      script: ({ operation, nth }) =>
        operation === 'upload' && nth === 1
          ? { fault: { ok: false, class: 'retryable', code: 'reply_lost' }, landed: true }
          : undefined,
    });
    const lading = await phone.open();
    await captureMany(phone, lading, 1);
    await phone.pass(60_000);
    const uploads = phone.remote.calls.filter(({ operation }) => operation === 'upload');
    expect(uploads.map(({ rerun }) => rerun)).toEqual([false, true]);
    expect([...phone.remote.completions.values()]).toEqual([1]);
  });
});

describe('two runners on one database', () => {
  it('one takes up what the other queued and left (contract 2, 4.3)', async () => {
    const phone = world();
    const idle = await phone.open();
    const other = await phone.open();
    await phone.until(other.pause());
    const [id = ''] = await captureMany(phone, other, 1);
    await phone.until(other.close());
    await phone.pass(60_000);
    expect(shows(idle.view(id))).toBe('uploaded');
  });

  it('a watcher of one sees what the other did, and a reader gets what it fetched', async () => {
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true } } },
    });
    const one = await phone.open();
    const other = await phone.open();
    const told: string[][] = [];
    other.watch(owner(), (items) => told.push(items.map(({ view }) => shows(view))));
    const photo = await phone.until(one.capture(picture(), image()));
    await phone.pass(60_000);
    expect(told.at(-1)).toEqual(['uploaded']);

    const [here, there] = await phone.until(
      Promise.all([one.resolve(photo.id), other.resolve(photo.id)]),
    );
    expect(here.mediaId).toBe(there.mediaId);
    const downloads = phone.remote.calls.filter(({ operation }) => operation === 'download');
    expect(downloads).toHaveLength(1);
  });
});

describe('bytes that changed where they lie', () => {
  it('are never sent, however equal their size (contract 4.4, field case 13)', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('good'), image()));
    const [key] = phone.blobs.keys;
    await phone.until(phone.blobs.write(key as never, picture('evil').open()));
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(photo.view).toMatchObject({ state: 'failed', error: { code: 'source_changed' } });
    expect(phone.remote.objects.size).toBe(0);
  });
});
