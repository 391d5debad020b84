import {
  type AttachmentRef,
  type MediaId,
  type Owner,
  ownerKey,
} from '../../machines/attachment/types.ts';
import type { RefRecord } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Work } from '../host/work.ts';
import { type AppWrite, runAppWrite } from './app-write.ts';
import { asStream } from './as-stream.ts';
import { type CaptureOptions, type CaptureParts, storeAndCommit } from './capture.ts';
import { contextOf } from './consequences.ts';
import { requireKind, requireList, requireRoom } from './field-rules.ts';
import { makePrimary, moveTo, promote, rankAt, requireRef, unlink } from './list-changes.ts';
import { inIdOrder, link, plain } from './lists.ts';
import { requireOwnerOf, wrongAccount } from './own-account.ts';
import { prepareCapture } from './prepare-capture.ts';
import { readUndoToken, type UndoToken, undoToken } from './undo-token.ts';
import { mediaIdOf, requireObject } from './validate.ts';

/** Options that every verb that changes refs takes. */
export interface VerbOptions {
  /** Writes the app's own rows in the same commit. */
  readonly inTransaction?: AppWrite;
}

/** An owner, or with `field` left out all fields of the entity. */
export type OwnerOrEntity = Omit<Owner, 'field'> & { readonly field?: string };

/** One of several links that are made in one commit. */
export interface LinkRequest {
  /** An attachment of this device, or its id. */
  readonly ref: AttachmentRef | MediaId | string;
  readonly owner: Owner;
}

/** The verbs that change refs (contract 3.3, 5.1): each one commit, durable when it resolves. */
export interface Commands {
  link(mediaId: MediaId, owner: Owner, options?: VerbOptions): Promise<void>;
  /** All of them in their order, or none. */
  linkAll(links: readonly LinkRequest[], options?: VerbOptions): Promise<void>;
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
  const { host, events, tables, fields, accountId } = parts;

  async function decide(
    owners: readonly Owner[],
    options: VerbOptions | undefined,
    decision: (work: Work) => void,
  ): Promise<void> {
    for (const owner of owners) requireOwnerOf(accountId, owner);
    await host.transact((work) => {
      decision(work);
      runAppWrite(work, options?.inTransaction);
    });
  }

  /** @throws {LadingError} `not_found`, `wrong_account`. */
  function requireKnown(work: Work, mediaId: MediaId) {
    const state = work.peek(asStream(mediaId));
    if (state === undefined) {
      throw new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
        details: { mediaId },
      });
    }
    const context = contextOf(state.context);
    if (context.accountId !== accountId) throw wrongAccount(context.accountId);
    return context;
  }

  function refsOf(work: Work, owner: OwnerOrEntity): readonly RefRecord[] {
    return owner.field === undefined
      ? tables.refsOfEntity(work.tx, owner)
      : tables.refsOfOwner(work.tx, ownerKey({ ...owner, field: owner.field }));
  }

  /** Brings one ref back; one that is back already is left alone: a button may be pressed twice. */
  function restore(work: Work, mediaId: MediaId, owner: Owner): void {
    const rows = tables.refsOfOwner(work.tx, ownerKey(owner));
    if (rows.some((row) => row.mediaId === mediaId)) return;
    requireKnown(work, mediaId);
    const field = fields.find(owner);
    if (field !== undefined) requireRoom(field, rows.length, 1);
    const { outcome } = work.send(asStream(mediaId), { type: 'ref.undone', owner: plain(owner) });
    if (outcome === 'ignored') throw undoExpired(mediaId);
    const restored = requireRef(work.tx, tables, owner, mediaId);
    if (restored.isPrimary) makePrimary(work, tables, owner, mediaId);
  }

  async function linkAll(links: readonly LinkRequest[], options?: VerbOptions): Promise<void> {
    if (!Array.isArray(links)) throw notAList();
    const wanted = links.map((one: LinkRequest) => {
      const { ref, owner } = requireObject('links', one);
      return { mediaId: mediaIdOf(ref), owner };
    });
    const owners = wanted.map(({ owner }) => owner);
    await decide(owners, options, (work) => {
      for (const { mediaId, owner } of wanted) {
        const { media, gone } = requireKnown(work, mediaId);
        if (gone) throw alreadyGone(mediaId);
        const field = fields.get(owner);
        requireKind(field, media.kind);
        link(work, tables, field, owner, mediaId, { isImage: media.kind === 'image' });
      }
    });
  }

  return {
    link: (mediaId, owner, options) => linkAll([{ ref: mediaId, owner }], options),
    linkAll,

    async remove(mediaId, owner, options) {
      await decide([owner], options, (work) =>
        unlink(work, tables, fields.find(owner), owner, mediaId, 'removed'),
      );
      return undoToken([{ mediaId, owner: plain(owner) }]);
    },

    async replace(mediaId, source, owner, options) {
      const prepared = prepareCapture(parts, owner, { ...options, source });
      const { field, kind } = prepared;
      // Checked again in the commit: this one spares the bytes.
      events.read((tx) => requireRef(tx, tables, owner, mediaId));
      await storeAndCommit(parts, [prepared], options.signal, (work, create) => {
        const old = requireRef(work.tx, tables, owner, mediaId);
        const rows = tables.refsOfOwner(work.tx, ownerKey(owner));
        const index = rows.findIndex((row) => row.mediaId === mediaId);
        const shared = rows.filter((row) => row.rank === old.rank).length > 1;
        // The old one goes first, so that a full or single field has room (field case 48: the newest ref wins).
        unlink(work, tables, field, owner, mediaId, 'replaced');
        create(prepared.mediaId);
        const others = rows.filter((row) => row.mediaId !== mediaId);
        link(work, tables, field, owner, prepared.mediaId, {
          isImage: kind === 'image',
          rank: shared ? rankAt(work, owner, others, index) : old.rank,
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
      decide([owner], options, (work) => {
        requireList(fields.find(owner));
        if (typeof position !== 'number' || Number.isNaN(position)) throw badPosition(position);
        moveTo(work, tables, owner, mediaId, position);
      }),

    setPrimary: (mediaId, owner, options) =>
      decide([owner], options, (work) => {
        requireList(fields.find(owner));
        const { ref } = requireRef(work.tx, tables, owner, mediaId);
        if (ref.kind !== 'image') throw notAnImage(mediaId);
        makePrimary(work, tables, owner, mediaId);
      }),

    // Valid in every state, also twice (field case 69).
    cancel: (mediaId, options) =>
      decide([], options, (work) => {
        const { refs, gone } = requireKnown(work, mediaId);
        if (gone) return;
        work.send(asStream(mediaId), { type: 'cancelled' });
        for (const { owner, isPrimary } of refs) {
          if (isPrimary && fields.find(owner)?.primary === true) promote(work, tables, owner);
        }
      }),

    async ownerDeleted(owner, options) {
      const removed: { mediaId: MediaId; owner: Owner }[] = [];
      const { field = 'all' } = requireObject('owner', owner);
      await decide([{ ...owner, field }], options, (work) => {
        removed.length = 0; // a commit that found the database busy decides again
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
      const owners = removed.map(({ owner }) => owner);
      return decide(owners, options, (work) => {
        const [first] = removed;
        if (replacement !== undefined && first !== undefined) {
          const rows = tables.refsOfOwner(work.tx, ownerKey(first.owner));
          const ids = new Set(rows.map((row) => row.mediaId));
          // It may be gone since, by another verb.
          if (ids.has(replacement) && !ids.has(first.mediaId)) {
            unlink(work, tables, fields.find(first.owner), first.owner, replacement, 'replaced');
          }
        }
        for (const { mediaId, owner } of inIdOrder(removed)) restore(work, mediaId, owner);
      });
    },
  };
}

function alreadyGone(mediaId: MediaId): LadingError {
  return new LadingError(
    'already_gone',
    `Attachment ${mediaId} was removed and cannot be brought back: capture it again.`,
    { details: { mediaId } },
  );
}

function undoExpired(mediaId: MediaId): LadingError {
  return new LadingError(
    'undo_expired',
    `The time to undo is over for ${mediaId}: capture it again.`,
    { details: { mediaId } },
  );
}

function notAnImage(mediaId: MediaId): LadingError {
  return new LadingError('wrong_kind', `${mediaId} is no image: only images can be primary.`, {
    details: { mediaId },
  });
}

function notAList(): LadingError {
  return new LadingError('invalid_option', 'linkAll takes an array of { ref, owner }.', {
    details: { name: 'links' },
  });
}

function badPosition(position: unknown): LadingError {
  return new LadingError(
    'invalid_option',
    `A position is a number, 0 for the first place; this is ${String(position).slice(0, 40)}.`,
  );
}
