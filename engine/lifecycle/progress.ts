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
  /** Nobody uploads it any more. */
  clear(mediaId: MediaId): void;
  subscribe(listener: (mediaId: MediaId) => void): Cancel;
}

/** Tells of each attachment at most ten times a second, and once of the last byte (field case 33). */
const INTERVAL_MS = 100;

interface Entry {
  progress: Progress;
  toldAt: number;
  toldAll: boolean;
}

export function createProgressBoard(clock: Clock): ProgressBoard {
  const entries = new Map<MediaId, Entry>();
  const listeners = new Set<(mediaId: MediaId) => void>();

  return {
    report(mediaId, progress) {
      const known = entries.get(mediaId);
      const all = progress.sentBytes >= progress.totalBytes;
      const sinceMs = clock.now() - (known?.toldAt ?? Number.NEGATIVE_INFINITY);
      // A clock that went back must not silence the rest.
      const isSoon = sinceMs >= 0 && sinceMs < INTERVAL_MS;
      const isNewlyAll = all && known?.toldAll !== true;
      if (isSoon && !isNewlyAll) {
        if (known !== undefined) known.progress = progress;
        return;
      }
      entries.set(mediaId, { progress, toldAt: clock.now(), toldAll: all });
      for (const listener of listeners) listener(mediaId);
    },
    get: (mediaId) => entries.get(mediaId)?.progress,
    clear: (mediaId) => void entries.delete(mediaId),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
