import type { Database, PreparedStatement, Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import {
  asLadingError,
  createSqlDatabase,
  type DriverOptions,
  type RawDatabase,
} from '../../persistence/drivers/driver.ts';
import { prepareConnection } from '../../persistence/drivers/pragmas.ts';
import { safeNumber } from '../../persistence/drivers/safe-integers.ts';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase, SqlRow, SqlValue } from '../../ports/sql.ts';
import type { SimDisk } from './sim-disk.ts';
import { installSimVfs, type SimVfs } from './sim-vfs.ts';

export interface SimSqliteOptions extends DriverOptions {
  /** Path on the disk. Default `app.db`. */
  readonly path?: string;
  /** Only to show what is lost without it. Default `FULL`. */
  readonly synchronous?: 'FULL' | 'NORMAL' | 'OFF';
}

/** A database as one simulated process has it open. Several engines of that process share it. */
export interface SimDatabase {
  readonly sql: SqlDatabase;
  /**
   * The process died: nothing is written any more, not even by closing, and the file is free for the next process.
   * May be called in the middle of a statement, as by a power cut.
   */
  abandon(): void;
}

/** SQLite itself on simulated disks. */
export interface SimSqlite {
  /**
   * Opens or creates a database: WAL, exclusive locking, `synchronous=FULL`.
   * @throws {LadingError} `database_busy` while another process has it open; `database_corrupt`, `disk_full`, …
   */
  open(disk: SimDisk, options?: SimSqliteOptions): SimDatabase;
}

/**
 * Loads `@sqlite.org/sqlite-wasm`, an optional peer dependency, once.
 * @throws {LadingError} `sdk_missing` when it is not installed.
 */
export function loadSimSqlite(): Promise<SimSqlite> {
  loading ??= load();
  return loading;
}

let loading: Promise<SimSqlite> | undefined;

async function load(): Promise<SimSqlite> {
  const sqlite3 = await loadSqlite();
  const vfs = installSimVfs(sqlite3);
  const dead: SqlDatabase[] = [];
  const bury = (): void => {
    for (const sql of dead.splice(0)) sql.close();
  };
  return {
    open(disk, options = {}) {
      bury(); // for callers that never give promises a turn
      return open(sqlite3, vfs, disk, options, (sql) => {
        dead.push(sql);
        queueMicrotask(bury); // not now: SQLite may be on the stack
      });
    },
  };
}

async function loadSqlite(): Promise<Sqlite3Static> {
  try {
    const { default: init } = await import('@sqlite.org/sqlite-wasm');
    const sqlite3 = await init();
    sqlite3.config.warn = () => {}; // it prints every failed step; ours come back as errors
    return sqlite3;
  } catch (cause) {
    throw new LadingError(
      'sdk_missing',
      'The simulated disk needs SQLite: npm install -D @sqlite.org/sqlite-wasm@3.54.1-build1',
      { cause },
    );
  }
}

function open(
  sqlite3: Sqlite3Static,
  vfs: SimVfs,
  disk: SimDisk,
  { path = 'app.db', synchronous = 'FULL', ...driver }: SimSqliteOptions,
  closeLater: (sql: SqlDatabase) => void,
): SimDatabase {
  const session = vfs.session(disk);
  let handle: Database | undefined;
  try {
    handle = new sqlite3.oo1.DB({ filename: session.filename(path), flags: 'c', vfs: vfs.name });
    const sql = createSqlDatabase(rawSqliteWasm(sqlite3, handle), driver);
    sql.exec('PRAGMA locking_mode = exclusive'); // before the first access: the VFS has no shared memory
    prepareConnection(sql);
    sql.exec(`PRAGMA synchronous = ${synchronous}`);
    return {
      sql: {
        ...sql,
        get inTransaction() {
          return sql.inTransaction;
        },
        close() {
          sql.close();
          session.die();
        },
      },
      abandon() {
        if (session.die()) closeLater(sql);
      },
    };
  } catch (error) {
    session.die();
    handle?.close();
    const code = error instanceof sqlite3.SQLite3Error ? error.resultCode : undefined;
    throw asLadingError(code, error) ?? error;
  }
}

/** Worth keeping prepared: every read is between two of these, and compiling them cost half of a simulation. */
const FREQUENT = new Set(['BEGIN', 'BEGIN IMMEDIATE', 'COMMIT']);

function rawSqliteWasm(sqlite3: Sqlite3Static, handle: Database): RawDatabase {
  const prepared = new Map<string, PreparedStatement>();
  return {
    exec(sql) {
      if (!FREQUENT.has(sql)) {
        handle.exec(sql);
        return;
      }
      const statement = prepared.get(sql) ?? handle.prepare(sql);
      prepared.set(sql, statement);
      rows(statement, []);
    },
    prepare(sql) {
      const statement = handle.prepare(sql);
      return {
        run(params) {
          rows(statement, params);
          return handle.changes();
        },
        all: (params) => rows(statement, params),
        finalize: () => void statement.finalize(),
      };
    },
    close() {
      for (const statement of prepared.values()) statement.finalize();
      handle.close();
    },
    isClosed: () => !handle.isOpen(),
    foreignTransaction: () =>
      handle.isOpen() && sqlite3.capi.sqlite3_get_autocommit(handle.pointer as never) === 0,
    resultCode: (error) => (error instanceof sqlite3.SQLite3Error ? error.resultCode : undefined),
  };
}

function rows(statement: PreparedStatement, params: readonly SqlValue[]): readonly SqlRow[] {
  const found: SqlRow[] = [];
  try {
    if (params.length > 0) statement.bind([...params]);
    while (statement.step()) found.push(safeRow(statement.get({})));
  } finally {
    statement.reset();
  }
  return found;
}

/** Integers past 2^53 come as bigint. */
function safeRow(row: Record<string, unknown>): SqlRow {
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'bigint') row[name] = safeNumber(value);
  }
  return row as SqlRow;
}
