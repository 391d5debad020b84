import { onItsWay } from '../../machines/attachment/on-its-way.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { StoreTransaction, StreamId } from '../../ports/event-store.ts';

/**
 * How far uploads have come, by the remote's own words: who comes further is alive, however often the link breaks
 * (field case 37). Kept in memory: the first word after a start is news.
 */
export interface Advances {
  /** @returns whether it never was so far. What a remote takes and loses again, over and over, counts once. */
  reached(stream: StreamId, confirmedBytes: number): boolean;
  forget(stream: StreamId): void;
  /** Forgets those that are over, when there are many: another process may have ended them, which nobody tells. */
  tidy(tx: StoreTransaction): void;
}

/** So many are known without a look at whether they are over. */
const FEW = 32;

export function createAdvances(tables: Pick<AttachmentTables, 'media'>): Advances {
  const furthest = new Map<StreamId, number>();
  /** Twice as many as were left by the last look: it costs each newcomer two rows at most. */
  let most = FEW;

  function isOver(tx: StoreTransaction, stream: StreamId): boolean {
    const known = tables.media(tx, stream as string as MediaId);
    return known === undefined || !onItsWay.has(known.facts.situation);
  }

  return {
    reached(stream, confirmedBytes) {
      if (confirmedBytes <= (furthest.get(stream) ?? 0)) return false;
      furthest.set(stream, confirmedBytes);
      return true;
    },
    forget: (stream) => void furthest.delete(stream),
    tidy(tx) {
      if (furthest.size < most) return;
      for (const stream of furthest.keys()) if (isOver(tx, stream)) furthest.delete(stream);
      most = Math.max(FEW, 2 * furthest.size);
    },
  };
}
