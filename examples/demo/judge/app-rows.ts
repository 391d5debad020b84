import { DatabaseSync } from 'node:sqlite';
import type { AttachmentRef } from 'lading';

/** All refs in the app's own table, read from its database file past app and engine. */
export function readAppRows(file: string): readonly AttachmentRef[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('SELECT attachments FROM report ORDER BY id').all();
    return rows.flatMap(({ attachments }) => JSON.parse(String(attachments)) as AttachmentRef[]);
  } finally {
    database.close();
  }
}
