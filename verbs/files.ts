import { type Cache, type CacheParts, createCache } from '../engine/files/cache.ts';
import type { CacheOptions } from '../engine/files/cache-options.ts';
import { createReaders, type Readers } from '../engine/files/readers.ts';
import { createRecency, type Recency } from '../engine/files/recency.ts';
import { createSharedFiles, type SharedFiles } from '../engine/files/shared-files.ts';
import { createUnknownSidecars } from '../engine/files/unknown-sidecars.ts';
import { cacheTable } from '../persistence/attachment/cache-table.ts';
import { derivedTable } from '../persistence/attachment/derived-table.ts';
import { holdTable } from '../persistence/attachment/hold-table.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { DerivedTable } from '../ports/derived-table.ts';
import { LadingError } from '../ports/errors.ts';

export { requireCacheOptions } from '../engine/files/cache-options.ts';

/** Who needs which file on this device, and which go when room is short (contract 5.3, 6). */
export interface Files {
  readonly shared: SharedFiles;
  readonly readers: Readers;
  readonly recency: Recency;
  readonly cache: Cache;
  /** What was made of attachments, and goes with them. */
  readonly derived: DerivedTable;
  /** The verb. @throws {LadingError} `invalid_option`. */
  freeRoom(bytes: number): Promise<{ readonly freedBytes: number }>;
  /** Stops, and notes when files were last opened. */
  close(): Promise<void>;
}

export function createFiles(
  parts: Omit<CacheParts, 'table' | 'recency' | 'options' | 'isRead'> & {
    readonly blobs: BlobStore;
    readonly cache?: CacheOptions | undefined;
  },
): Files {
  const recency = createRecency({ ...parts, table: cacheTable });
  const readers = createReaders();
  const cache = createCache({
    ...parts,
    recency,
    table: cacheTable,
    options: parts.cache ?? {},
    isRead: (key) => readers.has(key),
  });
  return {
    shared: createSharedFiles({
      ...parts,
      holds: holdTable,
      unknown: createUnknownSidecars({ ...parts, sidecars: parts.blobs.sidecars }),
    }),
    readers,
    recency,
    derived: derivedTable,
    cache,
    async freeRoom(bytes) {
      if (!(Number.isSafeInteger(bytes) && bytes >= 0)) {
        throw new LadingError('invalid_option', 'freeRoom takes a whole number of bytes.', {
          details: { name: 'bytes' },
        });
      }
      return { freedBytes: await cache.freeRoom(bytes) };
    },
    close() {
      cache.close();
      return recency.close();
    },
  };
}
