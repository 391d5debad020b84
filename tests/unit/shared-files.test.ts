import * as fc from 'fast-check';
import { LadingError } from 'lading';
import { describe, expect, it } from 'vitest';
import type { BlobKey } from '../../ports/blob-store.ts';
import { codeOf, gate, image, owner, type World, world } from '../support/lading-world.ts';
import { BYTES, expectOrder, holds, keyOf, read, SIZE, same } from '../support/shared-world.ts';

describe('equal bytes of one account (contract 5.3)', () => {
  it('are stored once, and go with the last attachment that holds them', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.push((await phone.until(lading.capture(same(), image()))).id);
      await expectOrder(phone);
    }
    expect(lading.storage()).toMatchObject({ files: 1, usedBytes: SIZE });
    for (const [index, id] of ids.entries()) {
      expect(phone.blobs.keys).toHaveLength(1);
      await phone.until(lading.cancel(id));
      await phone.pass(60_000);
      await expectOrder(phone);
      for (const other of ids.slice(index + 1)) {
        expect(await read(phone, lading, other)).toEqual(BYTES);
      }
    }
    expect(phone.blobs.keys).toEqual([]);
    expect(lading.storage()).toMatchObject({ files: 0, usedBytes: 0 });
    expect((await phone.until(lading.verify())).differences).toEqual([]);
  });

  it('are stored once also within one captureAll, and each is uploaded as an object of its own', async () => {
    const phone = world();
    const lading = await phone.open();
    const files = [1, 2, 3].map(() => ({ source: same(), kind: 'image' as const }));
    const photos = await phone.until(lading.captureAll(files, { owner: owner() }));
    await expectOrder(phone);
    expect(phone.blobs.keys).toHaveLength(1);
    await phone.until(lading.settled());
    expect(phone.remote.objects.size).toBe(3);
    expect(photos.map(({ view }) => view.state)).toEqual(['uploaded', 'uploaded', 'uploaded']);
  });

  it('are never shared between accounts', async () => {
    const phone = world({ online: false });
    const mine = await phone.open();
    const theirs = await phone.open({ account: 'account-2' });
    await phone.until(mine.capture(same(), image()));
    const other = owner('item.images', 'item-1', 'account-2');
    await phone.until(theirs.capture(same(), { owner: other, kind: 'image' }));
    expect(phone.blobs.keys).toHaveLength(2);
    expect(mine.storage().usedBytes).toBe(SIZE);
    expect(theirs.storage().usedBytes).toBe(SIZE);
  });

  it('are not fetched when they are here under another attachment', async () => {
    const phone = world({
      fields: {
        'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true } },
        'profile.logo': { kinds: ['image'], single: true },
      },
    });
    const lading = await phone.open();
    const a = await phone.until(lading.capture(same(), image()));
    const b = await phone.until(lading.capture(same(), image('profile.logo')));
    await phone.until(lading.settled());
    const local = "SELECT facts ->> 'local' AS local FROM lading_media ORDER BY media_id";
    expect(phone.rows(local).map((row) => row['local'])).toEqual(['evicted', 'present']);
    await expectOrder(phone);
    expect(await read(phone, lading, a.id)).toEqual(BYTES);
    expect(phone.remote.calls.map(({ operation }) => operation)).not.toContain('download');
    expect(keyOf(phone, a.id)).toBe(keyOf(phone, b.id));
    await expectOrder(phone);
  });

  it('of a ref that says neither size nor hash are known once they were fetched, and stored once', async () => {
    const { phone, lading, old } = await imported();
    const [item] = lading.list(old);
    expect(await read(phone, lading, item?.ref.mediaId ?? '')).toEqual(BYTES);
    await expectOrder(phone);
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('that were fetched, and whose attachment goes while they are compared, leave nothing', async () => {
    const { phone, lading, old } = await imported();
    const [reached, held] = [gate(), gate()];
    const real = { ...phone.blobs };
    phone.blobs.hash = async (...asked) => {
      reached.open();
      await held.promise;
      return (await real.hash?.(...asked)) ?? '';
    };
    const [item] = lading.list(old);
    lading.resolve(item?.ref ?? '').catch(() => {});
    await phone.until(reached.promise);
    await phone.until(lading.cancel(item?.ref ?? ''));
    held.open();
    await phone.pass(1_000);
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('that were found here for an attachment that goes before that is in the log go with their holder', async () => {
    const phone = world({
      fields: {
        'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true } },
        'profile.logo': { kinds: ['image'], single: true },
      },
    });
    const lading = await phone.open();
    const a = await phone.until(lading.capture(same(), image()));
    const b = await phone.until(lading.capture(same(), image('profile.logo')));
    await phone.until(lading.settled());
    const real = { ...phone.blobs };
    let cancelled: Promise<unknown> | undefined;
    phone.blobs.hash = async (...asked) => {
      const hash = (await real.hash?.(...asked)) ?? '';
      cancelled = Promise.all([a, b].map(({ id }) => lading.cancel(id)));
      return hash;
    };
    lading.resolve(a.id).catch(() => {});
    await phone.pass(1_000);
    await cancelled;
    await phone.pass(60_000);
    expect(phone.blobs.keys).toEqual([]);
    expect(holds(phone)).toEqual([]);
  });

  it('that were fetched, and whose attachment goes before that is in the log, leave nothing', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(same(), image()));
    await phone.until(lading.settled());
    await phone.pass(60_000);
    await phone.until(lading.freeRoom(1e9));
    const real = { ...phone.blobs };
    let cancelled: Promise<void> | undefined;
    phone.blobs.write = async (...asked) => {
      const written = await real.write(...asked);
      cancelled = lading.cancel(photo.id);
      return written;
    };
    lading.resolve(photo.id).catch(() => {});
    await phone.pass(1_000);
    await cancelled;
    await phone.pass(60_000);
    expect(phone.blobs.keys).toEqual([]);
  });
});

/** A file that is here and uploaded, and a ref of an older app to the same bytes at another place. */
async function imported() {
  const phone = world();
  const lading = await phone.open();
  await phone.until(lading.capture(same(), image()));
  await phone.until(lading.settled());
  const [[key, object] = []] = [...phone.remote.objects];
  const url = lading.list(owner())[0]?.ref.url.replace(key ?? '', 'old.jpg') ?? '';
  const old = owner('item.images', 'old');
  await phone.until(lading.importRefs([{ owner: old, value: [{ url, kind: 'image' }] }]));
  const objects = phone.remote.objects as Map<unknown, unknown>;
  objects.set('old.jpg', object);
  return { phone, lading, old };
}

describe('a file whose bytes are not what they should be', () => {
  it.each([
    ['damaged', (phone: World, key: BlobKey) => phone.blobs.spoil(key, new Uint8Array(SIZE))],
    ['cut', (phone: World, key: BlobKey) => phone.blobs.spoil(key, new Uint8Array(3))],
    ['missing', (phone: World, key: BlobKey) => phone.blobs.lose(key)],
  ])('is never shared: %s', async (_how, spoil) => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const first = await phone.until(lading.capture(same(), image()));
    spoil(phone, keyOf(phone, first.id));
    const second = await phone.until(lading.capture(same(), image()));
    expect(keyOf(phone, second.id)).not.toBe(keyOf(phone, first.id));
    expect(await read(phone, lading, second.id)).toEqual(BYTES);
    // The third finds the good copy.
    const third = await phone.until(lading.capture(same(), image()));
    expect(keyOf(phone, third.id)).toBe(keyOf(phone, second.id));
    expect(holds(phone)).toEqual([]);
  });

  it('is never shared by a store that cannot hash', async () => {
    const phone = world({ online: false });
    const blobs = { ...phone.blobs };
    delete blobs.hash;
    const lading = await phone.open({ blobs });
    const ids = [
      await phone.until(lading.capture(same(), image())),
      await phone.until(lading.capture(same(), image())),
    ];
    expect(new Set(ids.map(({ id }) => keyOf(phone, id))).size).toBe(2);
  });
});

describe('a capture of bytes whose only holder goes meanwhile', () => {
  /** Stops between the look at the existing file and the commit. */
  async function inTheMiddle(meanwhile: (phone: World, first: string) => Promise<void>) {
    const phone = world({ online: false });
    const lading = await phone.open();
    const first = await phone.until(lading.capture(same(), image()));
    const [looking, goOn] = [gate(), gate()];
    const real = { ...phone.blobs };
    phone.blobs.hash = async (...asked) => {
      looking.open();
      await goOn.promise;
      return (await real.hash?.(...asked)) ?? '';
    };
    const second = lading.capture(same(), image());
    await phone.until(looking.promise);
    const key = keyOf(phone, first.id);
    expect(holds(phone)).toMatchObject([{ blob_key: key }]);
    await meanwhile(phone, first.id);
    goOn.open();
    const { id } = await phone.until(second);
    await phone.pass(60_000);
    return { phone, lading, first: first.id, second: id, key };
  }

  it('keeps the file: the hold protects it from the purge', async () => {
    const { phone, lading, second, key } = await inTheMiddle(async (on, first) => {
      await on.until(on.ladings[0]?.cancel(first) as Promise<void>);
      await on.pass(60_000);
      expect(on.rows('SELECT * FROM lading_blob')).toEqual([]);
      expect(on.blobs.keys).toHaveLength(2); // the one that is held, and the copy that was just written
    });
    expect(keyOf(phone, second)).toBe(key);
    expect(await read(phone, lading, second)).toHaveLength(SIZE);
    await expectOrder(phone);
  });

  it('keeps its own copy when its hold ran out, and the file with it', async () => {
    const { phone, lading, second, key } = await inTheMiddle(async (on, first) => {
      await on.pass(11 * 60_000);
      await on.until(on.ladings[0]?.cancel(first) as Promise<void>);
      await on.pass(60_000);
      expect(on.blobs.keys).toHaveLength(1);
      expect(holds(on)).toEqual([]);
    });
    expect(keyOf(phone, second)).not.toBe(key);
    expect(await read(phone, lading, second)).toHaveLength(SIZE);
    await expectOrder(phone);
  });

  it('gives it back when it is aborted, and then it goes', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const first = await phone.until(lading.capture(same(), image()));
    const abort = new AbortController();
    const [looking, goOn] = [gate(), gate()];
    const real = { ...phone.blobs };
    phone.blobs.hash = async (...asked) => {
      looking.open();
      await goOn.promise;
      return (await real.hash?.(...asked)) ?? '';
    };
    const second = codeOf(lading.capture(same(), image(undefined, { signal: abort.signal })));
    await phone.until(looking.promise);
    await phone.until(lading.cancel(first.id));
    await phone.pass(60_000);
    abort.abort();
    goOn.open();
    expect(await phone.until(second)).toBe('capture_aborted');
    expect(phone.blobs.keys).toEqual([]);
    await expectOrder(phone);
  });

  it('leaves the file to garbage collection when it died, and protects it no longer than its hold', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const first = await phone.until(lading.capture(same(), image()));
    const looking = gate();
    phone.blobs.hash = () => {
      looking.open();
      return new Promise<string>(() => {});
    };
    lading.capture(same(), image()).catch(() => {});
    await phone.until(looking.promise);
    phone.kill();
    await phone.pass(11 * 60_000);
    const next = await phone.open();
    await phone.until(next.cancel(first.id));
    await phone.pass(60_000);
    expect(phone.blobs.keys).toHaveLength(1); // the copy that was written, and which nobody knows
    expect(phone.blobs.keys).not.toContain(keyOf(phone, first.id));
    expect(holds(phone)).toEqual([]);
  });
});

describe('captures of equal bytes at once', () => {
  it('end with one file, whatever comes first (any order of two processes)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.boolean(), async (s, twoProcesses) => {
        const phone = world({ online: false });
        const one = await phone.open();
        const other = twoProcesses ? await phone.open() : one;
        const real = { ...phone.blobs };
        phone.blobs.write = s.scheduleFunction((...asked) => real.write(...asked));
        phone.blobs.hash = s.scheduleFunction(
          async (...asked) => (await real.hash?.(...asked)) ?? '',
        );
        const all = Promise.all([
          one.capture(same(), image()),
          other.capture(same(), image('item.images')),
          one.capture(same(), image('profile.logo')),
        ]);
        await phone.until(Promise.race([all, drain(s, phone, all)]));
        await all;
        await phone.pass(1_000);
        expect(phone.blobs.keys).toHaveLength(1);
        await expectOrder(phone);
      }),
      { numRuns: 40 },
    );
  });

  it('and removals of them in any order: a file stays as long as one holds it, and goes with the last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom('capture', 'cancel', 'evict', 'read'), {
          minLength: 4,
          maxLength: 14,
        }),
        async (s, wishes) => {
          const phone = world();
          const lading = await phone.open();
          const real = { ...phone.blobs };
          phone.blobs.write = s.scheduleFunction((...asked) => real.write(...asked));
          phone.blobs.remove = s.scheduleFunction((...asked) => real.remove(...asked));
          phone.blobs.hash = s.scheduleFunction(
            async (...asked) => (await real.hash?.(...asked)) ?? '',
          );
          const ids: string[] = [];
          const running: Promise<unknown>[] = [];
          let turn = 0;
          for (const wish of ['capture', ...wishes]) {
            turn += 1;
            const id = ids[(turn * 7) % Math.max(1, ids.length)];
            if (wish === 'capture') {
              running.push(lading.capture(same(), image()).then((photo) => ids.push(photo.id)));
            } else if (id !== undefined && wish === 'cancel') {
              running.push(lading.cancel(id));
            } else if (id !== undefined && wish === 'evict') {
              running.push(lading.freeRoom(Number.MAX_SAFE_INTEGER));
            } else if (id !== undefined) {
              running.push(lading.resolve(id).catch(unlessGone));
            }
            await phone.pass(11_000);
            if (s.count() > 0) await s.waitOne();
          }
          const all = Promise.all(running);
          await drain(s, phone, all);
          await all;
          for (let n = 0; n < 12; n++) {
            await phone.pass(60_000);
            while (s.count() > 0) await s.waitOne();
          }
          await phone.pass(1_000);
          await expectOrder(phone);
          for (const { ref } of lading.list(owner())) {
            const reading = lading.resolve(ref);
            await drain(s, phone, reading);
            expect((await reading).byteSize).toBe(SIZE);
          }
          expect((await phone.until(lading.verify())).differences).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);
});

function unlessGone(error: unknown): void {
  if (error instanceof LadingError && ['already_gone', 'not_found'].includes(error.code)) return;
  throw error;
}

/** Lets scheduled work and virtual time go on until `all` has settled. */
async function drain(s: fc.Scheduler, phone: World, all: Promise<unknown>): Promise<void> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  all.then(end, end);
  for (let n = 0; !over && n < 2_000; n++) {
    await phone.pass(100);
    if (s.count() > 0) await s.waitOne();
  }
}
