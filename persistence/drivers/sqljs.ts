import type { SqlDatabase } from '../../ports/sql.ts';
import { loadSqlJs, openLoaded, type SqlJsOptions } from './sqljs/opening.ts';

export type { SqlDatabase, SqlRow, SqlTransaction, SqlValue } from '../../ports/sql.ts';
export { openSqliteEventStore } from '../sqlite-event-store.ts';
export type { SqlFile, SqlFiles } from './sqljs/files.ts';
export type { SqlJsOptions } from './sqljs/opening.ts';
export type { SqlJsModule } from './sqljs/sqljs-types.ts';

/**
 * Opens a database with `sql.js`: SQLite without native code, in memory, made durable by an image in `file` and a
 * journal beside it (docs/decisions/0013). Closing it leaves an ordinary database file, which every driver opens.
 * A single process owns it. SQL that a replay could not repeat is refused: `random()`, `datetime('now')` …
 * @param file path of the database; it is created at the first commit when missing, its folder is not. `':memory:'`
 *   keeps nothing.
 * @throws {LadingError} `sdk_missing` without `sql.js`; `invalid_option` without a path; `database_busy` while another
 *   owner lives; `database_unopenable` (also: larger than `maxBytes`), `database_corrupt`, `database_newer`,
 *   `database_read_only`; `sql_refused` when its schema holds what cannot be replayed.
 */
export async function openSqlJs(file: string, options: SqlJsOptions = {}): Promise<SqlDatabase> {
  const sqlJs = options.sqlJs ?? (await loadSqlJs());
  const files =
    options.files ??
    (file === ':memory:'
      ? (await import('./sqljs/memory-files.ts')).memoryFiles()
      : (await import('./sqljs/node-files.ts')).nodeFiles());
  return openLoaded(sqlJs, file, { ...options, files }).database;
}
