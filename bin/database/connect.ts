import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { createSqlDatabase } from '../../persistence/drivers/driver.ts';
import type { SqlDatabase, SqlRow } from '../../ports/sql.ts';

/** How long another process may hold the lock: opening, closing and mending take moments. */
const PATIENCE_MS = 2_000;

/** SQLite's own switches for a file that must not change (sqlite.org/uri.html). */
export type Switch =
  /** Nobody else has it open: no lock, no file beside it. */
  | 'immutable=1'
  /** Somebody may have it open: locks as every reader takes, and the shared memory beside it is not written. */
  | 'readonly_shm=1'
  | '';

/**
 * Opens a file to read.
 * @throws what node:sqlite throws; SQLite looks at the file at the first statement only.
 */
export function connectReadOnly(file: string, how: Switch): SqlDatabase {
  if (how === '') return wrap(new DatabaseSync(file, { readOnly: true, timeout: PATIENCE_MS }));
  const url = pathToFileURL(file);
  url.search = how;
  return wrap(new DatabaseSync(url, { readOnly: true, timeout: PATIENCE_MS }));
}

/** Opens a copy of our own, which SQLite may mend and which may be migrated. */
export function connectCopy(file: string): SqlDatabase {
  return wrap(new DatabaseSync(file, { timeout: PATIENCE_MS }));
}

/** SQLite's primary result code of an error, if it is one. */
export function sqliteCode(error: unknown): number | undefined {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { readonly errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

function wrap(handle: DatabaseSync): SqlDatabase {
  return createSqlDatabase({
    exec: (sql) => handle.exec(sql),
    prepare(sql) {
      const statement = handle.prepare(sql);
      return {
        run: (params) => Number(statement.run(...params).changes),
        all: (params) => statement.all(...params) as SqlRow[],
        finalize() {},
      };
    },
    close: () => handle.close(),
    foreignTransaction: () => handle.isTransaction,
    resultCode: (error) => sqliteCode(error),
  });
}
