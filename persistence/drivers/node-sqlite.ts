import { DatabaseSync } from 'node:sqlite';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase, SqlRow } from '../../ports/sql.ts';
import { createSqlDatabase, type DriverOptions, type RawDatabase } from './driver.ts';
import { prepareConnection } from './pragmas.ts';

export type { SqlDatabase, SqlRow, SqlTransaction, SqlValue } from '../../ports/sql.ts';
export { openSqliteEventStore } from '../sqlite-event-store.ts';

/**
 * Opens a database file with Node's own SQLite: WAL, `synchronous=FULL`, foreign keys, no busy wait.
 * @param file path of the database; it is created when missing, its folder is not. `':memory:'` keeps nothing.
 * @throws {LadingError} `database_unopenable`, `database_corrupt`, `database_read_only`.
 */
export function openNodeSqlite(file: string, options: DriverOptions = {}): SqlDatabase {
  let handle: DatabaseSync;
  try {
    handle = new DatabaseSync(file, { timeout: 0 });
  } catch (cause) {
    throw new LadingError(
      'database_unopenable',
      'The database file cannot be opened: check that its folder exists and may be written.',
      { cause },
    );
  }
  try {
    return nodeSqlite(handle, options);
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * Takes the app's own handle, so that app and engine share one connection and its transactions (design 3).
 * Closing the result closes the handle.
 * @throws {LadingError} `database_corrupt`, `database_read_only`.
 */
export function nodeSqlite(handle: DatabaseSync, options: DriverOptions = {}): SqlDatabase {
  const database = createSqlDatabase(rawNodeSqlite(handle), options);
  prepareConnection(database);
  return database;
}

function rawNodeSqlite(handle: DatabaseSync): RawDatabase {
  return {
    exec: (sql) => handle.exec(sql),
    prepare(sql) {
      const statement = handle.prepare(sql);
      return {
        run: (params) => Number(statement.run(...params).changes),
        all: (params) => statement.all(...params) as SqlRow[],
        finalize() {
          // node:sqlite frees statements with the connection.
        },
      };
    },
    close: () => handle.close(),
    foreignTransaction: () => handle.isTransaction,
    resultCode(error) {
      const code = (error as { readonly errcode?: unknown } | null)?.errcode;
      return typeof code === 'number' ? code : undefined;
    },
  };
}
