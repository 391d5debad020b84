import type { SqlDatabase } from '../../ports/sql.ts';
import { refuseNewer } from '../migrations/schema-version.ts';
import { foreignTransaction, type RawDatabase } from './driver.ts';

/** Another process may be opening the same file, closing it, or mending it after a crash: all take moments. */
const OPEN_PATIENCE_MS = 2_000;

/**
 * What every connection is set to, whatever library and whoever opened it. FULL, because NORMAL lost acknowledged
 * events in 254 of 300 simulated power cuts and FULL in none; `fullfsync` makes fsync mean it on Apple systems.
 * No busy wait: two connections in one thread would block each other for all of it.
 * @param whose a file that is ours is made so that free pages can be given back in slices, while it is new; an app's
 *   own handle is left as it is.
 * @throws {LadingError} `database_newer`, `database_corrupt`, `database_read_only`, `database_busy`: also while the app
 *   has a transaction open on its handle, in which SQLite takes no such settings.
 */
export function prepareConnection(
  database: SqlDatabase,
  raw: Pick<RawDatabase, 'foreignTransaction'> = {},
  whose: 'ours' | 'the app’s' = 'ours',
): void {
  if (raw.foreignTransaction?.() === true) throw foreignTransaction();
  database.exec(`PRAGMA busy_timeout = ${OPEN_PATIENCE_MS}`);
  refuseNewer(database); // before a byte of the file changes, its journal mode included
  if (whose === 'ours') makeVacuumable(database);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec('PRAGMA fullfsync = 1');
  database.exec('PRAGMA foreign_keys = ON');
  // What is deleted is overwritten: tokens and forgotten accounts must not be found in free pages (contract 10.4, 10.7).
  database.exec('PRAGMA secure_delete = ON');
  database.exec('PRAGMA busy_timeout = 0');
}

/** Only before the first page is written, and so before the journal mode is (sqlite.org/pragma.html#pragma_auto_vacuum). */
function makeVacuumable(database: SqlDatabase): void {
  if (database.get('PRAGMA page_count')?.['page_count'] === 0) {
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  }
}
