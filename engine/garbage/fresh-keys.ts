import type { BlobKey } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';

/** A capture takes no longer from its first file to its commit. */
const FRESH_MS = 3_600_000;

/**
 * Places that this process has made for files lately. The files may lie there before a record knows them, and no clock
 * that jumps makes them look old (field cases 44, 52).
 */
export interface FreshKeys {
  add(key: BlobKey): void;
  has(key: BlobKey): boolean;
}

export function createFreshKeys(clock: Pick<Clock, 'now'>): FreshKeys {
  // Two generations: one jump of the clock ends one of them, and that is the older one.
  let younger = new Set<BlobKey>();
  let older = new Set<BlobKey>();
  let turnedAt = clock.now();
  return {
    add(key) {
      if (Math.abs(clock.now() - turnedAt) > FRESH_MS) {
        older = younger;
        younger = new Set();
        turnedAt = clock.now();
      }
      younger.add(key);
    },
    has: (key) => younger.has(key) || older.has(key),
  };
}
