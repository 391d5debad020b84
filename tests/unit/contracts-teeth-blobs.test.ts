import { memoryBlobs } from 'lading/testing';
import { type BlobStoreSetup, blobStoreCases, brokenCases } from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { BlobStore, Digest } from '../../ports/blob-store.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';

describe('the suite of blob stores', () => {
  const setup =
    (spoil: (store: BlobStore) => Partial<BlobStore>) => async (): Promise<BlobStoreSetup> => {
      const store = spoilt<BlobStore>(memoryBlobs(), spoil);
      return { store, reopen: () => store };
    };
  const all: Breakages<BlobStore> = [
    [
      'gives a wrong hash',
      'with their size and SHA-256',
      (store) => ({
        write: async (...call) => ({ ...(await store.write(...call)), sha256: '0'.repeat(64) }),
      }),
    ],
    ['ignores ranges', 'reads any range', (store) => ({ open: (key) => store.open(key) })],
    [
      'gives everything in one chunk',
      'at most 1 MiB',
      (store) => ({
        async *open(key, range) {
          const chunks: Uint8Array[] = [];
          for await (const chunk of store.open(key, range)) chunks.push(chunk);
          yield Buffer.concat(chunks);
        },
      }),
    ],
    [
      'throws errors of its platform',
      'blob_missing',
      (store) => ({
        async *open(key, range) {
          if ((await store.stat(key)) === undefined) throw new Error('ENOENT');
          yield* store.open(key, range);
        },
      }),
    ],
    [
      'complains of a second removal',
      'removing it again',
      (store) => ({
        async remove(key) {
          if ((await store.stat(key)) === undefined) throw new Error('not there');
          await store.remove(key);
        },
      }),
    ],
    [
      'knows no limit',
      'more than maxBytes',
      (store) => ({
        write: (key, source, { signal } = {}) =>
          store.write(key, source, signal === undefined ? {} : { signal }),
      }),
    ],
    [
      'does not listen to the signal',
      'stops when it is aborted',
      (store) => ({
        async write(key, source, options = {}) {
          const { signal, ...rest } = options;
          const written = await store.write(key, source, {
            ...rest,
            ...(signal?.aborted ? {} : { signal: signal as AbortSignal }),
          });
          return written;
        },
      }),
    ],
    [
      'loses the old bytes with a failed write',
      'keeps the old bytes',
      (store) => ({
        async write(...call) {
          await store.remove(call[0]).catch(() => {});
          return store.write(...call);
        },
      }),
    ],
    [
      'mixes accounts',
      'accounts included',
      (store) => {
        const shared = (key: string) =>
          key.replace(/^a-[^/]*/, 'a-all') as Parameters<BlobStore['stat']>[0];
        return {
          write: (key, ...rest) => store.write(key.startsWith('a-') ? shared(key) : key, ...rest),
          open: (key, range) => store.open(shared(key), range),
        };
      },
    ],
    [
      'takes any key',
      'lead out of the store',
      (store) => ({
        write: (key, ...rest) =>
          store.write((key.startsWith('a-') ? key : 'a-x/00/m-x') as typeof key, ...rest),
      }),
    ],
    [
      'has a digest of the first piece only',
      'however the pieces are cut',
      (store) => ({
        digest() {
          const digest = store.digest?.() as Digest;
          let isFirst = true;
          return {
            update(bytes) {
              if (isFirst) digest.update(bytes);
              isFirst = false;
            },
            hex: () => digest.hex(),
          };
        },
      }),
    ],
    [
      'has a digest that looks at its pieces too late',
      'keeps nothing of the pieces',
      (store) => ({
        digest() {
          const kept: Uint8Array[] = [];
          return {
            update: (bytes) => void kept.push(bytes),
            hex() {
              const digest = store.digest?.() as Digest;
              for (const bytes of kept) digest.update(bytes);
              return digest.hex();
            },
          };
        },
      }),
    ],
    ['lists nothing', 'lists what it holds', () => ({ async *list() {} })],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(blobStoreCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(blobStoreCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});
