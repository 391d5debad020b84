import type { BlobStore } from '../../ports/blob-store.ts';
import type { SimProcess } from '../world/process.ts';

/**
 * Counts the blob files that only a crash can have left: written, or being written, and no commit known that took
 * them. Garbage collection finds them (contract 5.4).
 */
export interface LeftoverWatch {
  /** Blobs as one process uses them. */
  watched(blobs: BlobStore, process: SimProcess): BlobStore;
  readonly most: number;
}

/** Between the write and the commit that takes it lies at most this many other writes of the same process. */
export function createLeftoverWatch(): LeftoverWatch {
  let most = 0;
  return {
    watched(blobs, process) {
      let started = 0;
      let written = 0;
      process.onKill(() => {
        // Those under way, and the last one, whose commit may not have happened.
        most += started - written + (written > 0 ? 1 : 0);
      });
      return {
        ...blobs,
        async write(...args) {
          started += 1;
          try {
            return await blobs.write(...args);
          } finally {
            written += 1;
          }
        },
      };
    },
    get most() {
      return most;
    },
  };
}
