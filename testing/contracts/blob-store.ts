import { expect } from 'vitest';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { blobKey } from '../../ports/blob-store.ts';
import { collect, pattern, pieces, sha256 } from './bytes.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface BlobStoreSetup extends ContractSetup {
  readonly store: BlobStore;
  /** A second store on the same bytes, as after a restart. */
  readonly reopen: () => BlobStore;
}

/**
 * What every {@link BlobStore} keeps. Call it in a test file of its own, with a setup that makes a fresh, empty store:
 *
 * ```ts
 * describeBlobStore('my store', async () => ({ store: myBlobs(), reopen: () => myBlobs() }))
 * ```
 */
export function describeBlobStore(name: string, setup: () => Promise<BlobStoreSetup>): void {
  describeContract(`blob store contract: ${name}`, blobStoreCases, setup);
}

const key = blobKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
const other = blobKey('account-2', '01890a5d-ac96-774b-bcce-b302099a8057');

/** One by one; {@link describeBlobStore} makes tests of them. */
export const blobStoreCases: readonly ContractCase<BlobStoreSetup>[] = [
  {
    title: 'gives back the bytes that were written, with their size and SHA-256',
    async run({ store }) {
      const bytes = pattern(700_000);
      expect(await store.write(key, pieces(bytes, 64_000))).toEqual({
        sizeBytes: 700_000,
        sha256: await sha256(bytes),
      });
      expect(await sha256(await collect(store.open(key)))).toBe(await sha256(bytes));
      expect(await store.stat(key)).toEqual({ sizeBytes: 700_000 });
    },
  },
  {
    title: 'keeps zero bytes as a blob',
    async run({ store }) {
      expect((await store.write(key, pieces(new Uint8Array(), 1))).sizeBytes).toBe(0);
      expect(await store.stat(key)).toEqual({ sizeBytes: 0 });
      expect(await collect(store.open(key))).toEqual(new Uint8Array());
    },
  },
  {
    title: 'reads any range, and nothing past the end',
    async run({ store }) {
      const bytes = pattern(600_000);
      await store.write(key, pieces(bytes, 100_000));
      const ranges = [
        { start: 0, end: 1 },
        { start: 299_999, end: 300_001 },
        { start: 599_999 },
        {},
      ];
      for (const range of ranges) {
        const read = await collect(store.open(key, range));
        expect(await sha256(read)).toBe(await sha256(bytes.slice(range.start, range.end)));
      }
      expect(await collect(store.open(key, { end: 10 }))).toEqual(bytes.slice(0, 10));
      expect(await collect(store.open(key, { start: 600_000 }))).toHaveLength(0);
      expect(await collect(store.open(key, { start: 5, end: 5 }))).toHaveLength(0);
    },
  },
  {
    title: 'reads in chunks of at most 1 MiB',
    async run({ store }) {
      await store.write(key, pieces(pattern(3_000_000), 1_000_000));
      for await (const chunk of store.open(key)) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        expect(chunk.byteLength).toBeLessThanOrEqual(1024 * 1024);
      }
    },
  },
  {
    title: 'keeps blobs of different keys apart, accounts included',
    async run({ store }) {
      await store.write(key, pieces(pattern(10, 1), 10));
      await store.write(other, pieces(pattern(10, 2), 10));
      expect(await collect(store.open(key))).toEqual(pattern(10, 1));
      expect(await collect(store.open(other))).toEqual(pattern(10, 2));
    },
  },
  {
    title: 'replaces a key that is written again',
    async run({ store }) {
      await store.write(key, pieces(pattern(500, 1), 100));
      await store.write(key, pieces(pattern(20, 2), 20));
      expect(await collect(store.open(key))).toEqual(pattern(20, 2));
      expect(await listed(store)).toHaveLength(1);
    },
  },
  {
    title: 'finds the bytes again after it was opened anew',
    async run({ store, reopen }) {
      await store.write(key, pieces(pattern(50), 50));
      expect(await collect(reopen().open(key))).toEqual(pattern(50));
    },
  },
  {
    title: 'says where the bytes lie as a plain file, if they do, and of no other key the same',
    async run({ store }) {
      if (store.file === undefined) return; // an encrypting store has none
      await store.write(key, pieces(pattern(1_000), 300));
      await store.write(other, pieces(pattern(10), 10));
      const [first, second] = [await store.file(key), await store.file(other)];
      expect(first).not.toBe('');
      expect(first).not.toBe(second);
      expect(await store.file(key)).toBe(first);
    },
  },
  {
    title: 'answers a missing blob with blob_missing, and its stat with undefined',
    async run({ store }) {
      await expect(collect(store.open(key))).rejects.toMatchObject({ code: 'blob_missing' });
      expect(await store.stat(key)).toBeUndefined();
    },
  },
  {
    title: 'removes a blob, and has no objection to removing it again',
    async run({ store }) {
      await store.write(key, pieces(pattern(10), 10));
      await store.remove(key);
      await store.remove(key);
      expect(await store.stat(key)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
    },
  },
  {
    title: 'lists what it holds, with keys that it takes back',
    async run({ store }) {
      await store.write(key, pieces(pattern(10), 10));
      await store.write(other, pieces(pattern(20), 10));
      const all = await listed(store);
      expect(all.map((blob) => blob.key).toSorted()).toEqual([key, other].toSorted());
      expect(all.every((blob) => !blob.temporary && blob.modifiedAt >= 0)).toBe(true);
      for (const blob of all) await store.remove(blob.key);
      expect(await listed(store)).toEqual([]);
    },
  },
  {
    title: 'lists in the same order each time, and goes on behind any key, also one that is gone',
    async run({ store }) {
      const ids = Array.from({ length: 12 }, (_, n) => `0000000${n % 4}-0000-7000-8000-${n}`);
      for (const id of ids)
        await store.write(blobKey(`account-${id.length % 2}`, id), pieces(pattern(3), 3));
      const keys = (await listed(store)).map((blob) => blob.key);
      expect((await listed(store)).map((blob) => blob.key)).toEqual(keys);
      for (const [at, after] of keys.entries()) {
        const rest = await collectKeys(store.list({ after }));
        expect(rest).toEqual(keys.slice(at + 1));
      }
      const gone = keys[4] as BlobKey;
      await store.remove(gone);
      expect(await collectKeys(store.list({ after: gone }))).toEqual(keys.slice(5));
    },
  },
  {
    title: 'refuses more than maxBytes and leaves nothing behind',
    async run({ store }) {
      const write = store.write(key, pieces(pattern(101), 10), { maxBytes: 100 });
      await expect(write).rejects.toMatchObject({ code: 'file_too_large' });
      expect(await listed(store)).toEqual([]);
      await store.write(key, pieces(pattern(100), 10), { maxBytes: 100 });
    },
  },
  {
    title: 'stops when it is aborted, also while the source hangs, and leaves nothing behind',
    async run({ store }) {
      const abort = new AbortController();
      const write = store.write(key, hangsAfter(pattern(10), abort), { signal: abort.signal });
      await expect(write).rejects.toMatchObject({ code: 'capture_aborted' });
      expect(await listed(store)).toEqual([]);
      const late = store.write(key, pieces(pattern(10), 10), { signal: abort.signal });
      await expect(late).rejects.toMatchObject({ code: 'capture_aborted' });
    },
  },
  {
    title: 'passes on what the source throws and leaves nothing behind',
    async run({ store }) {
      await expect(store.write(key, failing())).rejects.toThrow('the camera fell into the sea');
      expect(await listed(store)).toEqual([]);
    },
  },
  {
    title: 'keeps the old bytes when writing them anew fails',
    async run({ store }) {
      await store.write(key, pieces(pattern(30), 30));
      const write = store.write(key, pieces(pattern(31), 10), { maxBytes: 30 });
      await expect(write).rejects.toMatchObject({ code: 'file_too_large' });
      expect(await collect(store.open(key))).toEqual(pattern(30));
    },
  },
  {
    title: 'shows nothing under a key before its write is complete',
    async run({ store }) {
      let seen: unknown = 'nothing looked';
      const source = async function* (): AsyncIterable<Uint8Array> {
        yield pattern(10);
        seen = await store.stat(key);
        yield pattern(10);
      };
      await store.write(key, source());
      expect(seen).toBeUndefined();
    },
  },
  {
    title: 'hashes what lies there now, where it can hash (contract 4.4, field case 13)',
    async run({ store }) {
      await store.write(key, pieces(pattern(1_000, 1), 300));
      await store.write(key, pieces(pattern(1_000, 2), 300));
      if (store.hash === undefined) return;
      expect(await store.hash(key)).toBe(await sha256(pattern(1_000, 2)));
      await expect(store.hash(other)).rejects.toMatchObject({ code: 'blob_missing' });
    },
  },
  {
    title:
      'has a digest, where it has one, that equals the hash of a write, however the pieces are cut',
    async run({ store }) {
      if (store.digest === undefined) return;
      for (const [length, size] of [
        [0, 1],
        [1, 1],
        [200_000, 999],
      ] as const) {
        const bytes = pattern(length);
        const written = await store.write(key, pieces(bytes, 70_000));
        const digest = store.digest();
        const again = store.digest();
        for await (const piece of pieces(bytes, size)) digest.update(piece);
        again.update(bytes);
        expect(digest.hex()).toBe(written.sha256);
        expect(again.hex()).toBe(written.sha256);
      }
    },
  },
  {
    title: 'has a digest, where it has one, that keeps nothing of the pieces it was given',
    async run({ store }) {
      if (store.digest === undefined) return;
      const digest = store.digest();
      const piece = pattern(100);
      digest.update(piece);
      piece.fill(0);
      digest.update(pattern(50));
      const all = new Uint8Array(150);
      all.set(pattern(100));
      all.set(pattern(50), 100);
      expect(digest.hex()).toBe(await sha256(all));
    },
  },
  {
    title: 'refuses keys that lead out of the store (contract 10.1)',
    async run({ store }) {
      for (const bad of BAD_KEYS) {
        const write = store.write(bad as BlobKey, pieces(pattern(1), 1));
        await expect(write).rejects.toMatchObject({ code: 'invalid_id' });
      }
    },
  },
];

const BAD_KEYS = ['../up', 'a/../../up', '/root', 'a//b', 'a/\0', '..', '', 'a\\b'];

async function* failing(): AsyncIterable<Uint8Array> {
  yield pattern(10);
  throw new Error('the camera fell into the sea');
}

async function* hangsAfter(bytes: Uint8Array, abort: AbortController): AsyncIterable<Uint8Array> {
  yield bytes;
  queueMicrotask(() => abort.abort());
  await new Promise(() => {});
}

async function collectKeys(blobs: AsyncIterable<{ readonly key: BlobKey }>): Promise<BlobKey[]> {
  const keys: BlobKey[] = [];
  for await (const { key: one } of blobs) keys.push(one);
  return keys;
}

async function listed(store: BlobStore) {
  const found = [];
  for await (const blob of store.list()) found.push(blob);
  return found;
}
