import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables, RefRecord } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { Work } from '../host/work.ts';
import { asStream } from './as-stream.ts';
import type { Field } from './fields.ts';
import { inIdOrder, plain } from './lists.ts';
import { ranksBetween } from './ranks.ts';

/** Removes one ref; when it was the primary one, the first image that is left takes its place. */
export function unlink(
  work: Work,
  tables: AttachmentTables,
  field: Field | undefined,
  owner: Owner,
  mediaId: MediaId,
  reason: 'removed' | 'replaced' | 'owner_deleted',
): void {
  const row = requireRef(work.tx, tables, owner, mediaId);
  work.send(asStream(mediaId), { type: 'ref.unlinked', owner: plain(owner), reason });
  if (row.isPrimary && reason === 'removed' && field?.primary === true) {
    promote(work, tables, owner);
  }
}

/** Makes the first image of the list primary when none is. */
export function promote(work: Work, tables: AttachmentTables, owner: Owner): void {
  const rows = tables.refsOfOwner(work.tx, ownerKey(owner));
  if (rows.some((row) => row.isPrimary)) return;
  const first = rows.find((row) => row.ref.kind === 'image');
  if (first !== undefined) {
    work.send(asStream(first.mediaId), {
      type: 'ref.primary',
      owner: plain(owner),
      isPrimary: true,
    });
  }
}

/** Makes one ref the only primary one of its list. */
export function makePrimary(
  work: Work,
  tables: AttachmentTables,
  owner: Owner,
  mediaId: MediaId,
): void {
  const rows = tables.refsOfOwner(work.tx, ownerKey(owner));
  const changed = rows.filter((row) => row.isPrimary !== (row.mediaId === mediaId));
  for (const row of inIdOrder(changed)) {
    work.send(asStream(row.mediaId), {
      type: 'ref.primary',
      owner: plain(owner),
      isPrimary: row.mediaId === mediaId,
    });
  }
}

/**
 * Puts one ref at a place of its list.
 * @param position index in the list without this ref; past the end means last.
 */
export function moveTo(
  work: Work,
  tables: AttachmentTables,
  owner: Owner,
  mediaId: MediaId,
  position: number,
): void {
  requireRef(work.tx, tables, owner, mediaId);
  const others = tables
    .refsOfOwner(work.tx, ownerKey(owner))
    .filter((row) => row.mediaId !== mediaId);
  const index = Math.max(0, Math.min(Math.trunc(position), others.length));
  work.send(asStream(mediaId), {
    type: 'ref.moved',
    owner: plain(owner),
    rank: rankAt(work, owner, others, index),
  });
}

/**
 * A rank for the place `index` of a list. Two devices may have given equal ranks, which leave no room between them:
 * those after the place are moved on.
 */
export function rankAt(
  work: Work,
  owner: Owner,
  others: readonly RefRecord[],
  index: number,
): string {
  const before = others[index - 1]?.rank ?? null;
  const after = others.slice(index);
  const room = after.findIndex(({ rank }) => before === null || rank > before);
  const equal = room === -1 ? after : after.slice(0, room);
  const [rank = '', ...moved] = ranksBetween(
    before,
    after[equal.length]?.rank ?? null,
    equal.length + 1,
  );
  equal.forEach(({ mediaId }, at) => {
    work.send(asStream(mediaId), { type: 'ref.moved', owner: plain(owner), rank: moved[at] ?? '' });
  });
  return rank;
}

/** @throws {LadingError} `not_found`. */
export function requireRef(
  tx: StoreTransaction,
  tables: AttachmentTables,
  owner: Owner,
  mediaId: MediaId,
): RefRecord {
  const row = tables
    .refsOfOwner(tx, ownerKey(owner))
    .find((candidate) => candidate.mediaId === mediaId);
  if (row !== undefined) return row;
  throw new LadingError(
    'not_found',
    `Attachment ${mediaId} is not in ${owner.entityType}.${owner.field} of ${owner.entityId}.`,
    { details: { mediaId, entityType: owner.entityType, entityId: owner.entityId } },
  );
}
