import type { OwnerScope } from '../machines/attachment/types.ts';
import type { CursorTable } from '../ports/attachment-tables.ts';
import type { SyncCursor } from '../ports/backend.ts';
import type { StoreTransaction } from '../ports/event-store.ts';
import { scopeKey } from './scope-key.ts';

/** A scope's place in the delta stream, and the change-signal that it has answered. */
export interface Place {
  /** Null before the first row. */
  readonly cursor: SyncCursor | null;
  /** Below zero: acknowledged ops changed the scope since a signal was answered; no signal has such a number. */
  readonly seenSeq: number;
}

/** Before every row: `updatedAt` is not negative and no id is empty. */
const START: SyncCursor = { updatedAt: 0, id: '' };

export function loadPlace(tx: StoreTransaction, cursors: CursorTable, scope: OwnerScope): Place {
  const row = cursors.load(tx, scope.accountId, scopeKey(scope));
  if (row === undefined) return { cursor: null, seenSeq: 0 };
  return { cursor: row.cursor.id === '' ? null : row.cursor, seenSeq: row.seenSeq };
}

export function savePlace(
  tx: StoreTransaction,
  cursors: CursorTable,
  scope: OwnerScope,
  { cursor, seenSeq }: Place,
): void {
  cursors.save(tx, scope.accountId, scopeKey(scope), cursor ?? START, seenSeq);
}

/**
 * Ops of this scope were acknowledged. A page that somebody, in this process or another one, asked for before that
 * may hold what the ops changed, and can no longer be told from news: its place is not the present one any more.
 */
export function movePlace(tx: StoreTransaction, cursors: CursorTable, scope: OwnerScope): void {
  const place = loadPlace(tx, cursors, scope);
  savePlace(tx, cursors, scope, { ...place, seenSeq: Math.min(0, place.seenSeq) - 1 });
}

export function samePlace(one: Place, other: Place): boolean {
  return (
    one.seenSeq === other.seenSeq &&
    one.cursor?.id === other.cursor?.id &&
    one.cursor?.updatedAt === other.cursor?.updatedAt
  );
}
