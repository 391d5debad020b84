import type { AttachmentContext } from './context.ts';
import type { AttachmentEvent } from './events.ts';
import { type Owner, ownerKey, type RefEntry, type UndoEntry } from './types.ts';

/** The ref of `owner`, if it holds the attachment now. */
export function findRef(context: AttachmentContext, owner: Owner): RefEntry | undefined {
  const key = ownerKey(owner);
  return context.refs.find((ref) => ref.key === key);
}

/** The removed ref of `owner` that can be brought back at `at` (contract 5.2). */
export function findUndoable(
  context: AttachmentContext,
  owner: Owner,
  at: number,
): UndoEntry | undefined {
  const key = ownerKey(owner);
  return context.undoable.find((ref) => ref.key === key && isUndoable(context, ref, at));
}

/** Whether the undo time of `ref` still runs at `at`. */
export function isUndoable(context: AttachmentContext, ref: UndoEntry, at: number): boolean {
  return at - ref.removedAt <= context.policy.undoGraceMs;
}

/** The ref that `event` tells of, as the stream keeps it. */
export function entryOf(
  event: Extract<AttachmentEvent, { type: 'ref.linked' | 'ref.synced' }>,
): RefEntry {
  return {
    owner: event.owner,
    key: ownerKey(event.owner),
    rank: event.rank,
    isPrimary: event.isPrimary,
  };
}
