import type { MediaId, Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { requireMediaId, requireOwner } from './validate.ts';

/** What `undo` takes to bring back what one verb removed; plain text, survives a restart. */
export type UndoToken = string & { readonly __brand: 'UndoToken' };

export interface Undoable {
  readonly removed: readonly { readonly mediaId: MediaId; readonly owner: Owner }[];
  /** What took the place of the first one. */
  readonly replacement?: MediaId;
}

export function undoToken(removed: Undoable['removed'], replacement?: MediaId): UndoToken {
  return JSON.stringify(
    replacement === undefined ? { removed } : { removed, replacement },
  ) as UndoToken;
}

/** @throws {LadingError} `invalid_id` for text that `undoToken` did not make. */
export function readUndoToken(token: UndoToken): Undoable {
  try {
    const { removed, replacement } = JSON.parse(token) as Undoable;
    return {
      removed: removed.map(({ mediaId, owner }) => ({
        mediaId: requireMediaId(mediaId),
        owner: requireOwner(owner),
      })),
      ...(replacement === undefined ? {} : { replacement: requireMediaId(replacement) }),
    };
  } catch (cause) {
    throw new LadingError('invalid_id', 'This is not an undo token of a verb of Lading.', {
      cause,
    });
  }
}
