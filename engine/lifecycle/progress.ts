import type { MediaId } from '../../machines/attachment/types.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';

export interface Progress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** Live progress, beside the log: never an event, never stored (contract 3.4). */
export interface ProgressBoard {
  report(mediaId: MediaId, progress: Progress): void;
  get(mediaId: MediaId): Progress | undefined;
  /** The run ended. */
  clear(mediaId: MediaId): void;
  subscribe(listener: (mediaId: MediaId) => void): Cancel;
}

/** Tells of each attachment at most ten times a second, and always of the last byte (field case 33). */
const INTERVAL_MS = 100;

export function createProgressBoard(clock: Clock): ProgressBoard {
  const entries = new Map<MediaId, Progress>();
  const toldAt = new Map<MediaId, number>();
  const listeners = new Set<(mediaId: MediaId) => void>();

  return {
    report(mediaId, progress) {
      entries.set(mediaId, progress);
      const sinceMs = clock.now() - (toldAt.get(mediaId) ?? Number.NEGATIVE_INFINITY);
      const finished = progress.sentBytes >= progress.totalBytes;
      // A clock that went back must not silence the rest.
      if (!finished && sinceMs >= 0 && sinceMs < INTERVAL_MS) return;
      toldAt.set(mediaId, clock.now());
      for (const listener of listeners) listener(mediaId);
    },
    get: (mediaId) => entries.get(mediaId),
    clear(mediaId) {
      entries.delete(mediaId);
      toldAt.delete(mediaId);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
