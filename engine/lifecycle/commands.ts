import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { RefRecord } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Work } from '../host/work.ts';
import { type AppWrite, runAppWrite } from './app-write.ts';
import {
  type CaptureOptions,
  type CaptureParts,
  prepareCapture,
  storeAndCommit,
  wrongAccount,
} from './capture.ts';
import { contextOf } from './consequences.ts';
import {
  asStream,
  inIdOrder,
  link,
  makePrimary,
  moveTo,
  plain,
  promote,
  requireRef,
  unlink,
} from './lists.ts';
import { readUndoToken, type UndoToken, undoToken } from './undo-token.ts';
import { requireOwner } from './validate.ts';

/** Options that every verb that changes refs takes. */
export interface VerbOptions {
  /** Writes the app's own rows in the same commit. */
  readonly inTransaction?: AppWrite;
}

/** An owner, or with `field` left out all fields of the entity. */
export type OwnerOrEntity = Omit<Owner, 'field'> & { readonly field?: string };

/** The verbs that change refs (contract 3.3, 5.1): each one commit, durable when it resolves. */
export interface Commands {
  link(mediaId: MediaId, owner: Owner, options?: VerbOptions): Promise<void>;
  remove(mediaId: MediaId, owner: Owner, options?: VerbOptions): Promise<UndoToken>;
  replace(
    mediaId: MediaId,
    source: CaptureSource,
    owner: Owner,
    options: Omit<CaptureOptions, 'owner' | 'draft'>,
  ): Promise<{ readonly mediaId: MediaId; readonly undo: UndoToken }>;
  move(mediaId: MediaId, owner: Owner, position: number, options?: VerbOptions): Promise<void>;
  setPrimary(mediaId: MediaId, owner: Owner, options?: VerbOptions): Promise<void>;
  cancel(mediaId: MediaId, options?: VerbOptions): Promise<void>;
  ownerDeleted(owner: OwnerOrEntity, options?: VerbOptions): Promise<UndoToken>;
  undo(token: UndoToken, options?: VerbOptions): Promise<void>;
}

export function createCommands(parts: CaptureParts): Commands {
  const { host, tables, fields, accountId } = parts;

  async function decide(
    owner: Owner | null,
    options: VerbOptions | undefined,
    decision: (work: Work) => void,
  ): Promise<void> {
    if (owner !== null) {
      requireOwner(owner);
      if (owner.scope.accountId !== accountId) throw wrongAccount(owner.scope.accountId);
    }
    await host.transact((work) => {
      decision(work);
      runAppWrite(work, options?.inTransaction);
    });
  }

  /** @throws {LadingError} `not_found`, `already_gone`, `wrong_account`. */
  function requireLive(work: Work, mediaId: MediaId) {
    const state = work.peek(asStream(mediaId));
    if (state === undefined) {
      throw new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
        details: { mediaId },
      });
    }
    const context = contextOf(state.context);
    if (context.accountId !== accountId) throw wrongAccount(context.accountId);
    if (context.gone) {
      throw new LadingError(
        'already_gone',
        `Attachment ${mediaId} was removed and cannot be brought back: capture it again.`,
        { details: { mediaId } },
      );
    }
    return context;
  }

  function refsOf(work: Work, owner: OwnerOrEntity): readonly RefRecord[] {
    return owner.field === undefined
      ? tables.refsOfEntity(work.tx, owner)
      : tables.refsOfOwner(work.tx, ownerKey({ ...owner, field: owner.field }));
  }

  return {
    link: (mediaId, owner, options) =>
      decide(owner, options, (work) => {
        const { media } = requireLive(work, mediaId);
        link(work, tables, fields.get(owner), owner, mediaId, { isImage: media.kind === 'image' });
      }),

    async remove(mediaId, owner, options) {
      await decide(owner, options, (work) =>
        unlink(work, tables, fields.find(owner), owner, mediaId, 'removed'),
      );
      return undoToken([{ mediaId, owner: plain(owner) }]);
    },

    async replace(mediaId, source, owner, options) {
      const prepared = prepareCapture(parts, source, { ...options, owner });
      const { field, kind } = prepared;
      await storeAndCommit(parts, source, prepared, options.signal, (work, create) => {
        const old = requireRef(work, tables, owner, mediaId);
        // The old one goes first, so that a full or single field has room (field case 48: the newest ref wins).
        unlink(work, tables, field, owner, mediaId, 'replaced');
        create();
        link(work, tables, field, owner, prepared.mediaId, {
          isImage: kind === 'image',
          rank: old.rank,
          isPrimary: old.isPrimary && kind === 'image',
        });
        if (field.primary) promote(work, tables, owner);
        runAppWrite(work, options.inTransaction);
      });
      return {
        mediaId: prepared.mediaId,
        undo: undoToken([{ mediaId, owner: plain(owner) }], prepared.mediaId),
      };
    },

    move: (mediaId, owner, position, options) =>
      decide(owner, options, (work) => moveTo(work, tables, owner, mediaId, position)),

    setPrimary: (mediaId, owner, options) =>
      decide(owner, options, (work) => {
        requireRef(work, tables, owner, mediaId);
        makePrimary(work, tables, owner, mediaId);
      }),

    cancel: (mediaId, options) =>
      decide(null, options, (work) => {
        const { refs } = requireLive(work, mediaId);
        work.send(asStream(mediaId), { type: 'cancelled' });
        for (const { owner, isPrimary } of refs) {
          if (isPrimary && fields.find(owner)?.primary === true) promote(work, tables, owner);
        }
      }),

    async ownerDeleted(owner, options) {
      const removed: { mediaId: MediaId; owner: Owner }[] = [];
      const checked = { ...owner, field: owner.field ?? 'all' };
      await decide(checked, options, (work) => {
        for (const row of inIdOrder(refsOf(work, owner))) {
          work.send(asStream(row.mediaId), {
            type: 'ref.unlinked',
            owner: plain(row.owner),
            reason: 'owner_deleted',
          });
          removed.push({ mediaId: row.mediaId, owner: plain(row.owner) });
        }
      });
      return undoToken(removed);
    },

    undo(token, options) {
      const { removed, replacement } = readUndoToken(token);
      return decide(null, options, (work) => {
        const first = removed[0]?.owner;
        if (replacement !== undefined && first !== undefined) {
          unlink(work, tables, fields.find(first), first, replacement, 'replaced');
        }
        for (const { mediaId, owner } of inIdOrder(removed)) {
          const { outcome } = work.send(asStream(mediaId), {
            type: 'ref.undone',
            owner: plain(owner),
          });
          if (outcome === 'ignored') throw undoExpired(mediaId);
          const restored = requireRef(work, tables, owner, mediaId);
          if (restored.isPrimary) makePrimary(work, tables, owner, mediaId);
        }
      });
    },
  };
}

function undoExpired(mediaId: MediaId): LadingError {
  return new LadingError(
    'undo_expired',
    `The time to undo is over for ${mediaId}: capture it again.`,
    { details: { mediaId } },
  );
}
