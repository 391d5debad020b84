import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { blobKey } from '../../ports/blob-store.ts';

export interface BlobStoreSetup {
  readonly store: BlobStore;
  /** A second store on the same bytes, as after a restart. */
  reopen(): BlobStore;
  dispose?(): Promise<void>;
}

/**
 * What every {@link BlobStore} keeps. Call it in a test file of its own, with a setup that makes a fresh, empty store:
 *
 * ```ts
 * blobStoreContract('my store', async () => ({ store: myBlobs(), reopen: () => myBlobs() }))
 * ```
 */
export function blobStoreContract(name: string, setup: () => Promise<BlobStoreSetup>): void {
  describe(`blob store contract: ${name}`, () => {
    let world: BlobStoreSetup;
    let store: BlobStore;
    const key = blobKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
    const other = blobKey('account-2', '01890a5d-ac96-774b-bcce-b302099a8057');

    beforeEach(async () => {
      world = await setup();
      store = world.store;
    });
    afterEach(() => world.dispose?.());

    it('gives back the bytes that were written, with their size and SHA-256', async () => {
      const bytes = pattern(700_000);
      expect(await store.write(key, pieces(bytes, 64_000))).toEqual({
        sizeBytes: 700_000,
        sha256: sha256(bytes),
      });
      expect(sha256(await collect(store.open(key)))).toBe(sha256(bytes));
      expect(await store.stat(key)).toEqual({ sizeBytes: 700_000 });
    });

    it('keeps zero bytes as a blob', async () => {
      expect((await store.write(key, pieces(new Uint8Array(), 1))).sizeBytes).toBe(0);
      expect(await store.stat(key)).toEqual({ sizeBytes: 0 });
      expect(await collect(store.open(key))).toEqual(new Uint8Array());
    });

    it('reads any range, and nothing past the end', async () => {
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
        expect(sha256(read)).toBe(sha256(bytes.slice(range.start, range.end)));
      }
      expect(await collect(store.open(key, { end: 10 }))).toEqual(bytes.slice(0, 10));
      expect(await collect(store.open(key, { start: 600_000 }))).toHaveLength(0);
      expect(await collect(store.open(key, { start: 5, end: 5 }))).toHaveLength(0);
    });

    it('reads in chunks of at most 1 MiB', async () => {
      await store.write(key, pieces(pattern(3_000_000), 1_000_000));
      for await (const chunk of store.open(key)) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        expect(chunk.byteLength).toBeLessThanOrEqual(1024 * 1024);
      }
    });

    it('keeps blobs of different keys apart, accounts included', async () => {
      await store.write(key, pieces(pattern(10, 1), 10));
      await store.write(other, pieces(pattern(10, 2), 10));
      expect(await collect(store.open(key))).toEqual(pattern(10, 1));
      expect(await collect(store.open(other))).toEqual(pattern(10, 2));
    });

    it('replaces a key that is written again', async () => {
      await store.write(key, pieces(pattern(500, 1), 100));
      await store.write(key, pieces(pattern(20, 2), 20));
      expect(await collect(store.open(key))).toEqual(pattern(20, 2));
      expect(await listed(store)).toHaveLength(1);
    });

    it('finds the bytes again after it was opened anew', async () => {
      await store.write(key, pieces(pattern(50), 50));
      expect(await collect(world.reopen().open(key))).toEqual(pattern(50));
    });

    it('answers a missing blob with blob_missing, and its stat with undefined', async () => {
      await expect(collect(store.open(key))).rejects.toMatchObject({ code: 'blob_missing' });
      expect(await store.stat(key)).toBeUndefined();
    });

    it('removes a blob, and has no objection to removing it again', async () => {
      await store.write(key, pieces(pattern(10), 10));
      await store.remove(key);
      await store.remove(key);
      expect(await store.stat(key)).toBeUndefined();
      expect(await listed(store)).toEqual([]);
    });

    it('lists what it holds, with keys that it takes back', async () => {
      await store.write(key, pieces(pattern(10), 10));
      await store.write(other, pieces(pattern(20), 10));
      const all = await listed(store);
      expect(all.map((blob) => blob.key).toSorted()).toEqual([key, other].toSorted());
      expect(all.every((blob) => !blob.temporary && blob.modifiedAt >= 0)).toBe(true);
      for (const blob of all) await store.remove(blob.key);
      expect(await listed(store)).toEqual([]);
    });

    it('refuses more than maxBytes and leaves nothing behind', async () => {
      const write = store.write(key, pieces(pattern(101), 10), { maxBytes: 100 });
      await expect(write).rejects.toMatchObject({ code: 'file_too_large' });
      expect(await listed(store)).toEqual([]);
      await store.write(key, pieces(pattern(100), 10), { maxBytes: 100 });
    });

    it('stops when it is aborted, also while the source hangs, and leaves nothing behind', async () => {
      const abort = new AbortController();
      const write = store.write(key, hangsAfter(pattern(10), abort), { signal: abort.signal });
      await expect(write).rejects.toMatchObject({ code: 'capture_aborted' });
      expect(await listed(store)).toEqual([]);
      const late = store.write(key, pieces(pattern(10), 10), { signal: abort.signal });
      await expect(late).rejects.toMatchObject({ code: 'capture_aborted' });
    });

    it('passes on what the source throws and leaves nothing behind', async () => {
      await expect(store.write(key, failing())).rejects.toThrow('the camera fell into the sea');
      expect(await listed(store)).toEqual([]);
    });

    it('keeps the old bytes when writing them anew fails', async () => {
      await store.write(key, pieces(pattern(30), 30));
      const write = store.write(key, pieces(pattern(31), 10), { maxBytes: 30 });
      await expect(write).rejects.toMatchObject({ code: 'file_too_large' });
      expect(await collect(store.open(key))).toEqual(pattern(30));
    });

    it('shows nothing under a key before its write is complete', async () => {
      let seen: unknown = 'nothing looked';
      const source = async function* (): AsyncIterable<Uint8Array> {
        yield pattern(10);
        seen = await store.stat(key);
        yield pattern(10);
      };
      await store.write(key, source());
      expect(seen).toBeUndefined();
    });

    it('refuses keys that lead out of the store (contract 10.1)', async () => {
      for (const bad of BAD_KEYS) {
        const write = store.write(bad as BlobKey, pieces(pattern(1), 1));
        await expect(write).rejects.toMatchObject({ code: 'invalid_id' });
      }
    });
  });
}

const BAD_KEYS = ['../up', 'a/../../up', '/root', 'a//b', 'a/\0', '..', '', 'a\\b'];

function pattern(length: number, seed = 7): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 17 + (index >> 8)) & 0xff);
}

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.slice(at, at + size);
}

async function* failing(): AsyncIterable<Uint8Array> {
  yield pattern(10);
  throw new Error('the camera fell into the sea');
}

async function* hangsAfter(bytes: Uint8Array, abort: AbortController): AsyncIterable<Uint8Array> {
  yield bytes;
  queueMicrotask(() => abort.abort());
  await new Promise(() => {});
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

async function listed(store: BlobStore) {
  const found = [];
  for await (const blob of store.list()) found.push(blob);
  return found;
}
