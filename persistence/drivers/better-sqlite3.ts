import { createRequire } from 'node:module';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase, SqlRow, SqlValue } from '../../ports/sql.ts';
import { openHandle, requireDatabaseFile } from './database-file.ts';
import { createSqlDatabase, type DriverOptions, type RawDatabase } from './driver.ts';
import { refuseJournal } from './journal-guard.ts';
import { prepareConnection } from './pragmas.ts';
import { safeNumber } from './safe-integers.ts';

export type { SqlDatabase, SqlRow, SqlTransaction, SqlValue } from '../../ports/sql.ts';
export { openSqliteEventStore } from '../sqlite-event-store.ts';

/** The part of a `better-sqlite3` database that is used; its own types need not be installed. */
export interface BetterSqlite3Handle {
  readonly open: boolean;
  readonly inTransaction: boolean;
  exec(sql: string): unknown;
  prepare(sql: string): BetterSqlite3Statement;
  close(): unknown;
}

export interface BetterSqlite3Statement {
  /** Whether it returns rows. */
  readonly reader: boolean;
  run(...params: unknown[]): { readonly changes: number };
  all(...params: unknown[]): unknown[];
  safeIntegers(toggle?: boolean): unknown;
}

type BetterSqlite3 = new (
  file: string,
  options: { readonly timeout: number },
) => BetterSqlite3Handle;

/**
 * Opens a database file with `better-sqlite3` 13: WAL, `synchronous=FULL`, foreign keys, no busy wait. The same file
 * can be opened with Node's own SQLite, also at the same time.
 * @param file path of the database; it is created when missing, its folder is not. `':memory:'` keeps nothing.
 * @throws {LadingError} `sdk_missing` without `better-sqlite3`; `invalid_option` without a path;
 *   `database_unopenable`, `database_corrupt`, `database_read_only`, `database_newer`; `database_busy` while a journal
 *   of sql.js is beside it.
 */
export function openBetterSqlite3(file: string, options: DriverOptions = {}): SqlDatabase {
  requireDatabaseFile(file);
  const Database = loadBetterSqlite3();
  refuseJournal(file);
  const handle = openHandle(() => new Database(file, { timeout: 0 }));
  try {
    return connect(handle, () => void handle.close(), options, 'ours');
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * Takes the app's own handle, so that app and engine share one connection and its transactions (design 3).
 * Closing the result leaves the handle open: it is the app's. Its `timeout` should be 0: a wait would block the thread.
 * @throws {LadingError} `database_busy` while the app has a transaction open on the handle, `database_unopenable`
 *   when it is closed; `database_corrupt`, `database_read_only`, `database_newer`.
 */
export function betterSqlite3(
  handle: BetterSqlite3Handle,
  options: DriverOptions = {},
): SqlDatabase {
  return connect(handle, () => {}, options, 'the app’s');
}

/** Loaded when it is first needed, and synchronously as the rest: an app that brings its own handle loads it itself. */
function loadBetterSqlite3(): BetterSqlite3 {
  try {
    return createRequire(import.meta.url)('better-sqlite3') as BetterSqlite3;
  } catch (cause) {
    throw new LadingError(
      'sdk_missing',
      'This driver needs better-sqlite3: npm install better-sqlite3@^13.2.0',
      { cause },
    );
  }
}

function connect(
  handle: BetterSqlite3Handle,
  close: () => void,
  options: DriverOptions,
  whose: 'ours' | 'the app’s',
): SqlDatabase {
  const raw = rawBetterSqlite3(handle, close);
  const database = createSqlDatabase(raw, options);
  prepareConnection(database, raw, whose);
  return database;
}

function rawBetterSqlite3(handle: BetterSqlite3Handle, close: () => void): RawDatabase {
  let changes: BetterSqlite3Statement | undefined;
  const changedRows = (): number => {
    changes ??= handle.prepare('SELECT changes() AS n');
    return (changes.all()[0] as { readonly n: number }).n;
  };
  return {
    exec: (sql) => void handle.exec(sql),
    prepare(sql) {
      const statement = handle.prepare(sql);
      // Without this, integers past 2^53 come back rounded.
      if (statement.reader) statement.safeIntegers(true);
      const rows = (params: readonly SqlValue[]): readonly SqlRow[] => {
        const found = statement.all(...params) as Record<string, unknown>[];
        for (const row of found) makePortable(row);
        return found as readonly SqlRow[];
      };
      return {
        run(params) {
          if (!statement.reader) return statement.run(...params).changes;
          rows(params);
          return changedRows();
        },
        all(params) {
          if (statement.reader) return rows(params);
          statement.run(...params);
          return [];
        },
        finalize() {
          // better-sqlite3 frees statements when they are collected, or with the connection.
        },
      };
    },
    close,
    isClosed: () => !handle.open,
    foreignTransaction: () => handle.open && handle.inTransaction,
    resultCode: codeOf,
  };
}

/** Buffers become the plain byte arrays that every driver gives, integers numbers. */
function makePortable(row: Record<string, unknown>): void {
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'bigint') row[name] = safeNumber(value);
    else if (value instanceof Uint8Array) {
      row[name] = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    }
  }
}

/** Its errors carry SQLite's names, extended ones too: `SQLITE_READONLY_DBMOVED` (sqlite.org/rescode.html). */
function codeOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (typeof code !== 'string') return undefined;
  return CODES.find(([name]) => code === name || code.startsWith(`${name}_`))?.[1];
}

const CODES = [
  ['SQLITE_BUSY', 5],
  ['SQLITE_LOCKED', 6],
  ['SQLITE_READONLY', 8],
  ['SQLITE_CORRUPT', 11],
  ['SQLITE_FULL', 13],
  ['SQLITE_CANTOPEN', 14],
  ['SQLITE_NOTADB', 26],
] as const;
