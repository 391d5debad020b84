import type { OwnerScope } from '../machines/attachment/types.ts';
import type { CursorTable, OutboxQueue, OutboxRow } from '../ports/attachment-tables.ts';
import type { PushResult } from '../ports/backend.ts';
import type { StoredEvent, StreamId } from '../ports/event-store.ts';
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
    if (!silent) tell(work, row, result);
  }
  return {
    pushed: still.length - refused.length,
    refused,
    scopes: [...scopes.values()],
    reset: [...reset.values()],
  };
}

/** So often an attachment that the backend deleted is made good, by the events that are kept of it. */
const MOST_DELETIONS = 10;

type Refused = Extract<PushResult, { readonly status: 'refused' }>;

function tell(work: StreamWork, { mediaId, op }: OutboxRow, result: Refused): void {
  const stream = mediaId as string as StreamId;
  if (work.peek(stream) === undefined) return;
  const { code, message, removedAt } = result;
  if (code === DELETED) {
    work.send(stream, { type: 'ref.tombstoned', owner: plainOwner(op.owner) });
    return;
  }
  // A backend that refuses what is newer than this very deletion, or deletes it each time, would be sent it for ever.
  const sentAfter = op.type === 'ref.put' ? op.sentAfter : undefined;
  const mayBeSent =
    removedAt !== undefined &&
    removedAt > (sentAfter ?? -1) &&
    work.tx.log.read(stream).filter(isDeletion).length < MOST_DELETIONS;
  work.send(stream, {
    type: 'backend.refused',
    code,
    message,
    ...(mayBeSent ? { removedAt } : {}),
  });
}

function isDeletion({ type, payload }: StoredEvent): boolean {
  return type === 'backend.refused' && payload['removedAt'] !== undefined;
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
