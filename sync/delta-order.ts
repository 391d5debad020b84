import type { RefDelta, SyncCursor } from '../ports/backend.ts';

/** The rows of one scope in the order of their changes: where a cursor goes on is found without looking at all. */
export interface DeltaOrder {
  /** A row was written; its `updatedAt` is not below that of any before. */
  changed(row: RefDelta): void;
  /** At most `limit` rows after the cursor, by `(updatedAt, id)`. */
  after(cursor: SyncCursor | null, limit: number): readonly RefDelta[];
}

/** Below this many, rows that were written again stay at their former places. */
const LEAST_ROWS = 1_000;

export function createDeltaOrder(): DeltaOrder {
  const latest = new Map<string, RefDelta>();
  let ordered: RefDelta[] = [];
  const isLatest = (row: RefDelta): boolean => latest.get(row.id) === row;

  return {
    changed(row) {
      latest.set(row.id, row);
      let at = ordered.length;
      for (let last = ordered[at - 1]; last !== undefined; last = ordered[at - 1]) {
        if (compareCursors(last, row) < 0) break;
        at -= 1;
      }
      ordered.splice(at, 0, row);
      if (ordered.length > Math.max(LEAST_ROWS, 2 * latest.size))
        ordered = ordered.filter(isLatest);
    },
    after(cursor, limit) {
      const found: RefDelta[] = [];
      for (let at = cursor === null ? 0 : placeAfter(ordered, cursor); found.length < limit; at++) {
        const row = ordered[at];
        if (row === undefined) break;
        if (isLatest(row)) found.push(row);
      }
      return found;
    },
  };
}

/** Ids compare as plain text, the same on every machine. */
function compareCursors(one: SyncCursor, other: SyncCursor): number {
  if (one.updatedAt !== other.updatedAt) return one.updatedAt - other.updatedAt;
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

/** Index of the first row after the cursor. */
function placeAfter(rows: readonly SyncCursor[], cursor: SyncCursor): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && compareCursors(row, cursor) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
