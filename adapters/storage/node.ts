import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { StorageEstimate } from '../../ports/storage-estimate.ts';

/**
 * How much room the file system of `directory` has, for `openLading({ storageEstimate })`. Give the directory of the
 * bytes; it need not exist yet.
 *
 * It tells what this process may still write, and nothing of the disk's size: what there may be is what attachments
 * have, and what is free. A disk that others fill to 95 % is no reason to warn while gigabytes are free, and it is one
 * when attachments have nine tenths of what they could have. Quotas of a user or container are not seen here: a write
 * that meets one fails with `disk_full`.
 *
 * @example
 * ```ts
 * const lading = await openLading({ ..., storageEstimate: nodeStorage({ directory: 'attachments' }) })
 * ```
 */
export function nodeStorage(options: { readonly directory: string }): StorageEstimate {
  const directory = resolve(options.directory);
  return {
    async estimate() {
      const { bavail, blocks, bsize } = await statNearest(directory);
      // Some network and FUSE file systems know no sizes, and say 0 for all.
      return blocks === 0 ? {} : { freeBytes: bavail * bsize };
    },
  };
}

/** Of the directory, or of the nearest one above it that is there. */
async function statNearest(directory: string): Promise<StatsFs> {
  try {
    return await statfs(directory);
  } catch (error) {
    const above = dirname(directory);
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isAbsent || above === directory) throw error;
    return statNearest(above);
  }
}
