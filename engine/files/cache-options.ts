import { LadingError } from '../../ports/errors.ts';

/** How much of what is at the remote anyway stays on this device (contract 6). */
export interface CacheOptions {
  /**
   * Bytes at most of files that could be fetched again: uploaded, not pinned, without a fault. The least recently
   * opened go first. Default no limit.
   */
  readonly maxBytes?: number;
  /** Milliseconds since it was last opened, after which such a file goes. Default never. */
  readonly maxAgeMs?: number;
}

/** @throws {LadingError} `invalid_option`. */
export function requireCacheOptions(options: CacheOptions): void {
  for (const name of ['maxBytes', 'maxAgeMs'] as const) {
    const value: unknown = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) continue;
    throw new LadingError('invalid_option', `cache.${name} must be a whole number of 0 or more.`, {
      details: { name: `cache.${name}` },
    });
  }
}
