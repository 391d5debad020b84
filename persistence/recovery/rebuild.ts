import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { BEGUN_AT, RECOVERED_AT } from '../healing-marks.ts';
import { migrate } from '../migrations/index.ts';
import { SCHEMA_VERSION } from '../migrations/schema-version.ts';
import { copyAppTables, DAMAGED } from './app-tables.ts';
import { appNumbersOf } from './pages.ts';
import type { DatabaseRecovery } from './report.ts';
import { salvage } from './salvage.ts';
import { mendStreams } from './streams.ts';

/**
 * Makes a new database at `fresh` of what can be read of the damaged one at `work`, which is a copy that may be changed:
 * the events, the ops and what seals handles, by their pages; the app's tables, by SQLite. All that follows from the
 * log is left to the next opening, and so are cursors: deltas are pulled anew.
 * @throws {LadingError} `database_newer`: a newer version wrote it.
 */
export function rebuild(
  work: string,
  fresh: string,
  open: (file: string) => SqlDatabase,
  now: number,
): Omit<DatabaseRecovery, 'damaged' | 'quarantine'> {
  const database = open(fresh);
  try {
    migrate(database, now);
    database.exec('PRAGMA foreign_keys = OFF');
    const found = salvage(work, database);
    refuseNewer(Number(found.meta.get('schema_version') ?? 0));
    keepMeta(database, found.meta, now);
    const streams = mendStreams(database);
    const isAttached = attach(database, work);
    const app = isAttached ? copyAppTables(database) : { tables: [], leftOut: [] };
    const numbers = appNumbersOf(work);
    if (isAttached) database.exec(`DETACH ${DAMAGED}`);
    if (numbers !== undefined) {
      database.exec(`PRAGMA user_version = ${numbers.userVersion}`);
      database.exec(`PRAGMA application_id = ${numbers.applicationId}`);
    }
    database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    const count = (table: string): number =>
      Number(database.get(`SELECT count(*) AS n FROM ${table}`)?.['n'] ?? 0);
    return {
      events: count('lading_event'),
      streams,
      ops: count('lading_outbox'),
      appTables: app.tables,
      leftOut: app.leftOut,
      userVersion: numbers?.userVersion ?? null,
    };
  } finally {
    database.close(); // its journal goes with the last connection: the file alone is whole
  }
}

function refuseNewer(found: number): void {
  if (found <= SCHEMA_VERSION) return;
  throw new LadingError(
    'database_newer',
    `This damaged database was written by a newer version of Lading (schema ${found}, this version knows ${SCHEMA_VERSION}). Update the app, then recover it; nothing was changed.`,
    { details: { found, known: SCHEMA_VERSION } },
  );
}

/** It begins anew: files that are older than this are no garbage of its own. */
function keepMeta(database: SqlDatabase, meta: ReadonlyMap<string, string>, now: number): void {
  const put = (key: string, value: string): void =>
    void database.run('INSERT OR REPLACE INTO lading_meta (key, value) VALUES (?, ?)', key, value);
  database.transaction(() => {
    for (const [key, value] of meta) if (key !== 'schema_version') put(key, value);
    put(BEGUN_AT, String(now));
    put(RECOVERED_AT, String(now));
  });
}

/** Whether SQLite itself can read anything of it. */
function attach(database: SqlDatabase, work: string): boolean {
  try {
    database.run(`ATTACH ? AS ${DAMAGED}`, work);
  } catch {
    return false;
  }
  try {
    database.all(`SELECT count(*) FROM ${DAMAGED}.sqlite_master`);
    database.transaction(() => {}); // it would be part of each one from now on
    return true;
  } catch {
    database.exec(`DETACH ${DAMAGED}`);
    return false;
  }
}
