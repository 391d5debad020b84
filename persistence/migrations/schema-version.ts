import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';

/** The schema that this version writes. Kept in `lading_meta`: `user_version` is the app's (design 3). */
export const SCHEMA_VERSION = 3;

/**
 * @returns the schema version found; 0 where there is none.
 * @throws {LadingError} `database_newer`.
 */
export function refuseNewer(database: SqlDatabase): number {
  const found = readVersion(database);
  if (found <= SCHEMA_VERSION) return found;
  throw new LadingError(
    'database_newer',
    `This database was written by a newer version of Lading (schema ${found}, this version knows ${SCHEMA_VERSION}). Update the app; nothing was changed.`,
    { details: { found, known: SCHEMA_VERSION } },
  );
}

function readVersion(database: SqlDatabase): number {
  const table = database.get(
    `SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'lading_meta'`,
  );
  if (table === undefined) return 0;
  const row = database.get(`SELECT value FROM lading_meta WHERE key = 'schema_version'`);
  return row === undefined ? 0 : Number(row['value']);
}
