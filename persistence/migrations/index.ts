import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { initialSchema } from './0001-initial.ts';

/** Numbered from 1, forward only, frozen once released. */
const MIGRATIONS: readonly string[] = [initialSchema];

/** The schema that this version writes. Kept in `lading_meta`: `user_version` is the app's (design 3). */
export const SCHEMA_VERSION = MIGRATIONS.length;

const LOCK_PATIENCE_MS = 2_000;

/**
 * Brings the schema to {@link SCHEMA_VERSION}, all steps in one transaction: a crash leaves the old one.
 * @throws {LadingError} `database_newer`: a newer version wrote it; the file is left untouched (contract 9.4).
 */
export function migrate(database: SqlDatabase): void {
  if (refuseNewer(database) === SCHEMA_VERSION) return;
  // Two processes may open a new database at once; the second waits for the first, then finds nothing to do.
  database.exec(`PRAGMA busy_timeout = ${LOCK_PATIENCE_MS}`);
  try {
    upgrade(database);
  } finally {
    database.exec('PRAGMA busy_timeout = 0');
  }
}

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

function upgrade(database: SqlDatabase): void {
  database.transaction(() => {
    // Read again: another process may have migrated while we waited for the lock.
    const found = refuseNewer(database);
    if (found === 0) {
      database.exec(
        'CREATE TABLE IF NOT EXISTS lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
      );
    }
    for (const migration of MIGRATIONS.slice(found)) database.exec(migration);
    database.run(
      `INSERT INTO lading_meta (key, value) VALUES ('schema_version', ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      String(SCHEMA_VERSION),
    );
  });
}

function readVersion(database: SqlDatabase): number {
  const table = database.get(
    `SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'lading_meta'`,
  );
  if (table === undefined) return 0;
  const row = database.get(`SELECT value FROM lading_meta WHERE key = 'schema_version'`);
  return row === undefined ? 0 : Number(row['value']);
}
