import type { AttachmentKind, Owner } from 'lading';

export const ACCOUNT = 'ada@example.com';
export const FIELD = 'report.attachments';

const report = (entityId: string): Owner => ({
  scope: { accountId: ACCOUNT },
  entityType: 'report',
  entityId,
  field: 'attachments',
});
const photos = report('photos');
const documents = report('documents');

/** The app's entities: rows of its own table, each with a list of attachments. */
export const REPORTS: readonly Owner[] = [photos, documents];

export function reportFor(kind: AttachmentKind): Owner {
  return kind === 'image' ? photos : documents;
}
