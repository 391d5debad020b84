import type { MediaId, OwnerScope } from '../machines/attachment/types.ts';
import type { CursorTable, OutboxQueue } from '../ports/attachment-tables.ts';
import type { StreamId } from '../ports/event-store.ts';
import type { StreamWork } from '../ports/streams.ts';
import { movePlace } from './cursors.ts';
import { plainOwner } from './plain-owner.ts';
import type { Answered } from './push-answer.ts';
import { scopeKey } from './scope-key.ts';

/** What a push came to. */
export interface Settled {
  /** Ops that the backend has taken, now or before. */
  readonly pushed: number;
  readonly refused: readonly Answered[];
  /** Scopes that changed. */
  readonly scopes: readonly OwnerScope[];
  /** Scopes that are pulled from the beginning, since what is here is not what the backend has. */
  readonly reset: readonly OwnerScope[];
}

/** The ref is gone at the backend: its tombstone wins over whatever was sent (field case 56). */
const DELETED = 'ref_deleted';

/**
 * Takes the answered ops out of the outbox; a refusal becomes an event of its attachment, in the same commit
 * (contract 3.5).
 * @param answers `batch`: all that one request answered; `answered`: those of it to settle now. `silent`: without
 *   events, for an attachment that cannot take them; its scope is pulled anew instead.
 */
export function settle(
  work: StreamWork,
  parts: { readonly outbox: OutboxQueue; readonly cursors: CursorTable },
  answers: {
    readonly batch: readonly Answered[];
    readonly answered: readonly Answered[];
    readonly silent: boolean;
  },
): Settled {
  const { outbox, cursors } = parts;
  const { batch, answered, silent } = answers;
  const scopes = new Map<string, OwnerScope>();
  const reset = new Map<string, OwnerScope>();
  const still = answered.filter(({ row }) => outbox.settle(work.tx, row.opId));
  for (const { row } of still) scopes.set(scopeKey(row.op.owner.scope), row.op.owner.scope);
  for (const scope of scopes.values()) movePlace(work.tx, cursors, scope);

  const refused = still.filter(({ result }) => result.status === 'refused');
  const decisive = refused
    .filter(({ row }) => isLastOfRef(batch, row))
    .filter(({ row }) => !outbox.hasPending(work.tx, row.mediaId, row.ownerKey));
  for (const { row, result } of inStreamOrder(decisive)) {
    if (result.status !== 'refused') continue;
    const { scope } = row.op.owner;
    if (silent || result.code !== DELETED) {
      reset.set(scopeKey(scope), scope);
      cursors.reset(work.tx, scope.accountId, scopeKey(scope));
    }
    const stream = row.mediaId as string as StreamId;
    const removedAt = sendableAfter(row, result.removedAt);
    const restores = removedAt === undefined ? [] : restoredRefs(decisive, row.mediaId);
    if (silent || work.peek(stream) === undefined) continue;
    work.send(
      stream,
      result.code === DELETED
        ? { type: 'ref.tombstoned', owner: plainOwner(row.op.owner) }
        : {
            type: 'backend.refused',
            code: result.code,
            message: result.message,
            ...(removedAt === undefined ? {} : { removedAt }),
            ...(restores.length === 0 ? {} : { restores }),
          },
    );
  }
  return {
    pushed: still.length - refused.length,
    refused,
    scopes: [...scopes.values()],
    reset: [...reset.values()],
  };
}

/** A backend that refuses what was sent after this very deletion would be sent it for ever. */
function sendableAfter({ op }: Answered['row'], removedAt: number | undefined): number | undefined {
  return removedAt === undefined || removedAt <= (op.sentAfter ?? -1) ? undefined : removedAt;
}

/** Owners of all refs of an attachment that were to come back: its first refusal is what all of them are sent again for. */
function restoredRefs(refused: readonly Answered[], mediaId: MediaId): readonly string[] {
  return refused
    .filter(({ row: { op, mediaId: of } }) => of === mediaId && 'restore' in op)
    .map(({ row }) => row.ownerKey);
}

/** A later op says anew what the ref is; how an earlier one ended does not matter any more. */
function isLastOfRef(batch: readonly Answered[], row: Answered['row']): boolean {
  return !batch.some(
    ({ row: other }) =>
      other.seq > row.seq && other.mediaId === row.mediaId && other.ownerKey === row.ownerKey,
  );
}

/** Streams of one commit are stepped in id order (design 2); ops of one stream stay in theirs. */
function inStreamOrder(answered: readonly Answered[]): readonly Answered[] {
  return answered.toSorted(({ row: a }, { row: b }) =>
    a.mediaId < b.mediaId ? -1 : a.mediaId > b.mediaId ? 1 : a.seq - b.seq,
  );
}
