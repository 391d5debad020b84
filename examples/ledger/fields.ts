import type { AttachmentPolicy, AttachmentRef, FieldSpec, Fields, SqlValue } from 'lading';

/** 10 MB for any file, as the screens say it. */
const MAX_BYTES = 10 * 1024 * 1024;

/** What the cameras and scanners of the users make, HEIC included. What the bytes are is looked at, not believed. */
const IMAGES = [
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'image/heic',
  'image/heif',
] as const;

export const MAX_RECEIPTS = 5;
export const MAX_OTHER_IMAGES = 5;
export const MAX_SPACE_IMAGES = 20;

/**
 * Every slot of the app that holds attachments, and the column that follows it. Lading runs `project` in each commit
 * that changes a slot's refs, the one that brings the remote url included: the columns are never written elsewhere.
 *
 * @param policy what this app does differently from Lading's defaults, in all of its fields.
 */
export function ledgerFields(policy: Partial<AttachmentPolicy> = {}): Fields {
  const images = { kinds: ['image'], contentTypes: IMAGES, maxBytes: MAX_BYTES, policy } as const;
  return {
    'item.images': { ...images, project: writes('item', 'images', asList) },
    'transaction.receiptImages': {
      ...images,
      kinds: ['image', 'pdf'],
      contentTypes: [...IMAGES, 'application/pdf'],
      maxCount: MAX_RECEIPTS,
      project: writes('transaction_', 'receiptImages', asList),
    },
    'transaction.otherImages': {
      ...images,
      maxCount: MAX_OTHER_IMAGES,
      project: writes('transaction_', 'otherImages', asList),
    },
    'space.images': {
      ...images,
      maxCount: MAX_SPACE_IMAGES,
      project: writes('space', 'images', asList),
    },
    'profile.logo': { ...images, single: true, project: writes('profile', 'logo', asOne) },
    'project.mainImage': {
      ...images,
      single: true,
      project: writes('project', 'mainImageUrl', asUrl),
    },
    'invoiceImport.document': {
      kinds: ['pdf'],
      maxBytes: MAX_BYTES,
      single: true,
      policy,
      project: writes('invoice_import', 'document', asOne),
    },
  };
}

type Refs = readonly AttachmentRef[];

const asList = (refs: Refs): SqlValue => JSON.stringify(refs);
const asOne = ([ref]: Refs): SqlValue => (ref === undefined ? null : JSON.stringify(ref));
const asUrl = ([ref]: Refs): SqlValue => ref?.url ?? null;

/** A row that is not here yet (another device made it) is left alone: who writes it asks Lading for its refs. */
function writes(
  table: string,
  column: string,
  value: (refs: Refs) => SqlValue,
): NonNullable<FieldSpec['project']> {
  const sql = `UPDATE ${table} SET ${column} = ? WHERE id = ? AND account_id = ?`;
  return (tx, { entityId, scope }, refs) => {
    tx.run(sql, value(refs), entityId, scope.accountId);
  };
}
