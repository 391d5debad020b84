import type { StreamId } from '../../ports/event-store.ts';

/**
 * How far uploads have come, by the remote's own words: who comes further is alive, however often the link breaks
 * (field case 37). Kept in memory: the first word after a start is news.
 */
export interface Advances {
  /** @returns whether it never was so far. What a remote takes and loses again, over and over, counts once. */
  reached(stream: StreamId, confirmedBytes: number): boolean;
  forget(stream: StreamId): void;
}

export function createAdvances(): Advances {
  const furthest = new Map<StreamId, number>();
  return {
    reached(stream, confirmedBytes) {
      if (confirmedBytes <= (furthest.get(stream) ?? 0)) return false;
      furthest.set(stream, confirmedBytes);
      return true;
    },
    forget: (stream) => void furthest.delete(stream),
  };
}
