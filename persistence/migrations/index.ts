import type { SqlDatabase } from '../../ports/sql.ts';
import { BEGUN_AT } from '../healing-marks.ts';
import { initialSchema } from './0001-initial.ts';
import { cleanupSchema } from './0002-cleanup.ts';
import { queueSchema } from './0003-queue.ts';
import { refuseNewer, SCHEMA_VERSION } from './schema-version.ts';

/** Numbered from 1, forward only, frozen once released. A new one is a new {@link SCHEMA_VERSION}: the compiler counts. */
const MIGRATIONS = [initialSchema, cleanupSchema, queueSchema] as const satisfies {
  readonly length: typeof SCHEMA_VERSION;
};

const LOCK_PATIENCE_MS = 2_000;

/**
 * Brings the schema to {@link SCHEMA_VERSION}, all steps in one transaction: a crash leaves the old one.
 * @param at the present time. A database remembers when it began: files that are older are no garbage of its own.
 * @throws {LadingError} `database_newer`: a newer version wrote it; the file is left untouched (contract 9.4).
 */
export function migrate(database: SqlDatabase, at: number): void {
  if (refuseNewer(database) === SCHEMA_VERSION) return;
  // Two processes may open a new database at once; the second waits for the first, then finds nothing to do.
  database.exec(`PRAGMA busy_timeout = ${LOCK_PATIENCE_MS}`);
  try {
    upgrade(database, at);
  } finally {
    database.exec('PRAGMA busy_timeout = 0');
  }
}

function upgrade(database: SqlDatabase, at: number): void {
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
    // One of an older schema did not note it: it was there before its first event.
    database.run(
      `INSERT INTO lading_meta (key, value)
       SELECT ?, CAST(min(?, coalesce((SELECT min(at) FROM lading_event), ?)) AS TEXT) WHERE true
       ON CONFLICT (key) DO NOTHING`,
      BEGUN_AT,
      Math.floor(at),
      Math.floor(at),
    );
  });
}
