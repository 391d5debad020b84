import { existsSync } from 'node:fs';
import { LadingError } from '../../ports/errors.ts';
import { journalPath } from './sqljs/journal-path.ts';

/**
 * A database that sql.js has open, or left in a crash, is only whole with the journal beside it, which no other
 * driver can read: whoever wrote to the image alone would make the journal useless.
 * @throws {LadingError} `database_busy`.
 */
export function refuseJournal(file: string): void {
  if (!existsSync(journalPath(file))) return;
  throw new LadingError(
    'database_busy',
    `The database is in use by sql.js, or was left by it without closing: ${journalPath(file)} is there. Open and close it with openSqlJs first.`,
  );
}
