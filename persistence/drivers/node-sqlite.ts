import { DatabaseSync } from 'node:sqlite';
import type { SqlDatabase } from '../../ports/sql.ts';
import { openHandle, requireDatabaseFile } from './database-file.ts';
import { createSqlDatabase, type DriverOptions } from './driver.ts';
import { refuseJournal } from './journal-guard.ts';
import { prepareConnection } from './pragmas.ts';
import { rawNodeSqlite } from './raw-node-sqlite.ts';

export type { SqlDatabase, SqlRow, SqlTransaction, SqlValue } from '../../ports/sql.ts';
export { openSqliteEventStore } from '../sqlite-event-store.ts';

/**
 * Opens a database file with Node's own SQLite: WAL, `synchronous=FULL`, foreign keys, no busy wait.
 * @param file path of the database; it is created when missing, its folder is not. `':memory:'` keeps nothing.
 * @throws {LadingError} `invalid_option` without a path; `database_unopenable`, `database_corrupt`,
 *   `database_read_only`, `database_newer`; `database_busy` while a journal of sql.js is beside it.
 */
export function openNodeSqlite(file: string, options: DriverOptions = {}): SqlDatabase {
  requireDatabaseFile(file);
  refuseJournal(file);
  const handle = openHandle(() => new DatabaseSync(file, { timeout: 0 }));
  try {
    return connect(handle, () => handle.close(), options, 'ours');
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * Takes the app's own handle, so that app and engine share one connection and its transactions (design 3).
 * Closing the result leaves the handle open: it is the app's.
 * @throws {LadingError} `database_busy` while the app has a transaction open on the handle, `database_unopenable`
 *   when it is closed; `database_corrupt`, `database_read_only`.
 */
export function nodeSqlite(handle: DatabaseSync, options: DriverOptions = {}): SqlDatabase {
  return connect(handle, () => {}, options, 'the app’s');
}

function connect(
  handle: DatabaseSync,
  close: () => void,
  options: DriverOptions,
  whose: 'ours' | 'the app’s',
): SqlDatabase {
  const raw = rawNodeSqlite(handle, close);
  const database = createSqlDatabase(raw, options);
  prepareConnection(database, raw, whose);
  return database;
}
