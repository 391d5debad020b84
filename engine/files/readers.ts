import type { BlobKey } from '../../ports/blob-store.ts';

/**
 * Files that somebody in this process reads now: the cache leaves them alone (contract 6). A reader in another process
 * is not seen; where the system keeps an unlinked file that is open, as POSIX does, he reads to the end, and elsewhere
 * he fetches the rest.
 */
export interface Readers {
  has(key: BlobKey): boolean;
  /** The same bytes; while they are iterated, they are in use. */
  reading(key: BlobKey, bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

export function createReaders(): Readers {
  const counts = new Map<BlobKey, number>();
  return {
    has: (key) => counts.has(key),
    async *reading(key, bytes) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      try {
        yield* bytes;
      } finally {
        const left = (counts.get(key) ?? 1) - 1;
        if (left === 0) counts.delete(key);
        else counts.set(key, left);
      }
    },
  };
}
