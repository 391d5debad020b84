import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Work } from '../host/work.ts';
import { asStream } from './as-stream.ts';
import { requireRoom } from './field-rules.ts';
import type { Field } from './fields.ts';
import { rankAfter } from './rank-after.ts';

/*
 * Rules of one owner's list: order, maximum, and at most one primary. They are checked on the ref rows inside the
 * transaction that changes them (contract 3.3); every change is an event of the attachment it concerns.
 */

/**
 * Links an attachment at the end of an owner's list, or at `rank`.
 * @throws {LadingError} `too_many`.
 */
export function link(
  work: Work,
  tables: AttachmentTables,
  field: Field,
  owner: Owner,
  mediaId: MediaId,
  options: { readonly isImage: boolean; readonly rank?: string; readonly isPrimary?: boolean },
): void {
  const rows = tables.refsOfOwner(work.tx, ownerKey(owner));
  if (rows.some((row) => row.mediaId === mediaId)) return;
  requireRoom(field, rows.length, 1);
  const hasPrimary = rows.some((row) => row.isPrimary);
  work.send(asStream(mediaId), {
    type: 'ref.linked',
    owner: plain(owner),
    rank: options.rank ?? rankAfter(rows.at(-1)?.rank ?? null),
    isPrimary: options.isPrimary ?? (field.primary && options.isImage && !hasPrimary),
  });
}

/** Streams of one commit are stepped in id order, so that two writers never wait for each other (design 2). */
export function inIdOrder<T extends { readonly mediaId: MediaId }>(
  rows: readonly T[],
): readonly T[] {
  return rows.toSorted((a, b) => (a.mediaId < b.mediaId ? -1 : a.mediaId > b.mediaId ? 1 : 0));
}

/** An owner as plain JSON with all its parts, whatever else the caller's object carries. */
export function plain(owner: Owner) {
  const { accountId, projectId } = owner.scope;
  return {
    scope: { accountId, projectId: projectId ?? null },
    entityType: owner.entityType,
    entityId: owner.entityId,
    field: owner.field,
  };
}
