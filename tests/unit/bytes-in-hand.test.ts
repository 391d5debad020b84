import type { Lading, MediaId } from 'lading';
import { memoryBlobs } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { bytesInHand } from '../../engine/lifecycle/bytes-in-hand.ts';
import type { CheckedBytes } from '../../engine/lifecycle/checked-bytes.ts';
import { type BlobStore, blobKey } from '../../ports/blob-store.ts';
import { collect, pattern, pieces, sha256 } from '../../testing/contracts/bytes.ts';
import {
  gate,
  image,
  owner,
  picture,
  pictureBytes,
  shows,
  world,
} from '../support/lading-world.ts';

const KEY = blobKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
const SMALL = 256 * 1024;

async function file(size: number, changes: Partial<BlobStore> = {}) {
  const memory = memoryBlobs();
  const good = pattern(size);
  await memory.write(KEY, pieces(good, 100_000));
  const media = { byteSize: size, sha256: await sha256(good) };
  const reads: string[] = [];
  const blobs: BlobStore = {
    ...memory,
    open(key, range) {
      reads.push('open');
      return memory.open(key, range);
    },
    async stat(key) {
      reads.push('stat');
      return memory.stat(key);
    },
    ...changes,
  };
  const { signal } = new AbortController();
  const look = (mayBeThere = false) => bytesInHand(blobs, KEY, media, { signal, mayBeThere });
  const inHand = async () => (await look()) as CheckedBytes;
  return { memory, good, reads, look, inHand };
}

const CHANGED = { ok: false, class: 'terminal', code: 'source_changed' };

describe('the bytes of a small file', () => {
  it.each([0, 1, 1_000, SMALL])(
    'of %i bytes are read once, and given as often and in what parts anybody asks',
    async (size) => {
      const { good, inHand, memory, reads } = await file(size);
      const bytes = await inHand();
      memory.lose(KEY); // nobody needs the file any more
      await bytes.prove();
      for (const [start, end] of [
        [0, size],
        [0, size + 7],
        [size >> 1, size],
        [0, size >> 1],
        [size, size],
      ] as const) {
        expect(await collect(bytes.open({ start, end }))).toEqual(good.subarray(start, end));
      }
      expect(await collect(bytes.open())).toEqual(good);
      expect(bytes.verdict(false)).toBeUndefined();
      expect(reads).toEqual(['open']);
    },
  );

  it.each([
    ['other bytes', (good: Uint8Array) => good.map((byte, n) => (n === 999 ? byte ^ 1 : byte))],
    ['one byte more', (good: Uint8Array) => Buffer.concat([good, Buffer.from([0])])],
    ['one byte less', (good: Uint8Array) => good.subarray(0, 999)],
    ['far more', (good: Uint8Array) => Buffer.concat([good, new Uint8Array(SMALL * 4)])],
    ['nothing', () => new Uint8Array()],
  ])('that has %s is refused before anything is sent (field case 13)', async (_, changed) => {
    const { good, look, memory } = await file(1_000);
    memory.spoil(KEY, new Uint8Array(changed(good)));
    expect(await look()).toMatchObject(CHANGED);
  });

  it('that has other bytes is never sent, where all of it may be there already', async () => {
    const { good, look, memory } = await file(1_000);
    memory.spoil(KEY, good.toReversed());
    const bytes = (await look(true)) as CheckedBytes;
    expect(bytes.verdict(true)).toBeUndefined();
    await expect(collect(bytes.open())).rejects.toMatchObject({ code: 'source_changed' });
    expect(bytes.verdict(true)).toMatchObject(CHANGED);
  });

  it('that is gone is refused for good; one that cannot be read now, for now (field case 15)', async () => {
    const gone = await file(1_000);
    gone.memory.lose(KEY);
    expect(await gone.look()).toMatchObject({ class: 'terminal', code: 'source_missing' });
    const locked = await file(1_000, {
      async *open() {
        yield await Promise.reject(Object.assign(new Error('locked'), { code: 'EPERM' }));
      },
    });
    expect(await locked.look()).toMatchObject({ class: 'retryable', code: 'source_unreadable' });
  });
});

describe('what is not read as a whole before it is sent', () => {
  it.each([
    ['a larger file', SMALL + 1, {}],
    ['a small one, where only the store itself can hash', 1_000, { digest: undefined }],
  ])('is looked at, and checked while it is read: %s', async (_, size, lacks) => {
    const { good, inHand, look, memory, reads } = await file(size, lacks as Partial<BlobStore>);
    const bytes = await inHand();
    expect(reads).toEqual(['stat']);
    expect(await collect(bytes.open())).toEqual(good);
    memory.spoil(KEY, good.subarray(1));
    expect(await look()).toMatchObject(CHANGED);
    memory.lose(KEY);
    expect(await look()).toMatchObject({ class: 'terminal', code: 'source_missing' });
  });
});

describe('a small file that goes while it is sent', () => {
  it('is uploaded all the same: it was in hand, and it was right', async () => {
    const phone = world({ online: false });
    const remote = {
      ...phone.remote,
      upload: (...asked: Parameters<typeof phone.remote.upload>) => {
        for (const key of phone.blobs.keys) phone.blobs.lose(key);
        return phone.remote.upload(...asked);
      },
    };
    const lading = await phone.open({ remote });
    const { id } = await phone.until(lading.capture(picture('one'), image()));
    phone.net.set({ online: true });
    await phone.pass(1_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(phone.remote.objects.size).toBe(1);
  });
});

describe('an upload that is stopped while a slow disk reads its bytes', () => {
  it.each([
    ['by a pause', (lading: Lading) => lading.pause()],
    ['by a sign-out', (lading: Lading) => lading.signOut()],
    ['by a removal', (lading: Lading, id: MediaId) => lading.remove(id, owner())],
  ])(
    '%s asks nothing of the remote, though a slot is free (contract 4.5, 4.8, 5.2)',
    async (_, stop) => {
      const disk = gate();
      const phone = world();
      const blobs: BlobStore = {
        ...phone.blobs,
        async *open(...asked) {
          await disk.promise;
          yield* phone.blobs.open(...asked);
        },
      };
      const lading = await phone.open({ blobs });
      const { id } = await phone.until(lading.capture(picture('one'), image()));
      await phone.pass(10);
      await phone.until<unknown>(stop(lading, id));
      await phone.pass(10);
      disk.open();
      await phone.pass(100);
      expect(phone.remote.calls.filter(({ operation }) => operation === 'upload')).toEqual([]);
    },
  );
});

describe('a small file that changes after all of it was sent, and whose answer was lost', () => {
  it('is uploaded: the remote has what was captured (contract 4.2)', async () => {
    const phone = world({ online: false });
    let isLost = true;
    const remote = {
      ...phone.remote,
      async upload(...asked: Parameters<typeof phone.remote.upload>) {
        const outcome = await phone.remote.upload(...asked);
        if (!isLost) return outcome;
        isLost = false;
        for (const key of phone.blobs.keys) phone.blobs.spoil(key, right.toReversed());
        return { ok: false, class: 'retryable', code: 'network' } as const;
      },
    };
    const right = pictureBytes('one');
    const lading = await phone.open({ remote });
    const { id } = await phone.until(lading.capture(picture('one'), image()));
    phone.net.set({ online: true });
    await phone.pass(600_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect([...phone.remote.objects.values()].map(({ bytes }) => [...bytes])).toEqual([[...right]]);
  });
});
