import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase, SqlRow, SqlValue } from '../../ports/sql.ts';

/** What a SQLite library must supply; everything is synchronous. */
export interface RawStatement {
  /** Returns the number of rows changed. */
  run(params: readonly SqlValue[]): number;
  all(params: readonly SqlValue[]): readonly SqlRow[];
  finalize(): void;
}

export interface RawDatabase {
  exec(sql: string): void;
  prepare(sql: string): RawStatement;
  close(): void;
  /** SQLite's result code of an error that the library threw, if it is one (the primary code suffices). */
  resultCode(error: unknown): number | undefined;
  /** Whether somebody else has a transaction open on this handle (the app's own); unknown counts as no. */
  foreignTransaction?(): boolean;
}

export interface DriverOptions {
  /** Prepared statements kept, least recently used first out. Default 128. */
  readonly maxStatements?: number;
  /** Told before each COMMIT of an outermost transaction; for crash tests. */
  readonly beforeCommit?: () => void;
}

/** One driver for all libraries: statement cache, nested transactions, portable values, typed errors. */
export function createSqlDatabase(raw: RawDatabase, options: DriverOptions = {}): SqlDatabase {
  const statements = statementCache(raw, options.maxStatements ?? 128);
  let depth = 0;

  const exec = (sql: string): void => guarded(raw, () => raw.exec(sql));
  const rollback = (level: number): void => {
    try {
      raw.exec(level === 0 ? 'ROLLBACK' : `ROLLBACK TO lading_${level}; RELEASE lading_${level}`);
    } catch (error) {
      // SQLite has rolled back by itself (disk full, I/O error); anything else shows at the next statement.
      if (raw.resultCode(error) === undefined) throw error;
    }
  };

  return {
    exec,
    run: (sql, ...params) => guarded(raw, () => statements.get(sql).run(params.map(portableValue))),
    get: (sql, ...params) =>
      guarded(raw, () => statements.get(sql).all(params.map(portableValue))[0]),
    all: (sql, ...params) => guarded(raw, () => statements.get(sql).all(params.map(portableValue))),
    transaction(run) {
      const level = depth;
      if (level === 0 && raw.foreignTransaction?.() === true) {
        throw new LadingError('database_busy', 'The app has a transaction open on this handle.');
      }
      exec(level === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT lading_${level}`);
      depth = level + 1;
      try {
        const result = run();
        if (result instanceof Promise) {
          throw new TypeError('a transaction function must be synchronous: it returned a promise');
        }
        if (level === 0) options.beforeCommit?.();
        exec(level === 0 ? 'COMMIT' : `RELEASE lading_${level}`);
        return result;
      } catch (error) {
        rollback(level);
        throw error;
      } finally {
        depth = level;
      }
    },
    get inTransaction() {
      return depth > 0;
    },
    close() {
      statements.clear();
      raw.close();
    },
  };
}

function statementCache(raw: RawDatabase, max: number) {
  const cache = new Map<string, RawStatement>();
  return {
    get(sql: string): RawStatement {
      let statement = cache.get(sql);
      if (statement === undefined) {
        statement = raw.prepare(sql);
        const oldest = cache.size >= max ? cache.entries().next().value : undefined;
        if (oldest !== undefined) {
          cache.delete(oldest[0]);
          oldest[1].finalize();
        }
      } else {
        cache.delete(sql);
      }
      cache.set(sql, statement);
      return statement;
    },
    clear(): void {
      for (const statement of cache.values()) statement.finalize();
      cache.clear();
    },
  };
}

/** @throws {TypeError} for a value that drivers store differently; a bug of the caller. */
function portableValue(value: SqlValue): SqlValue {
  if (value === null || value instanceof Uint8Array) return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) {
      return value;
    }
    throw new TypeError(`not a portable SQL number: ${value}`);
  }
  if (typeof value === 'string') {
    if (!value.includes('\0') && value.isWellFormed()) return value;
    throw new TypeError('NUL or a lone surrogate in SQL text');
  }
  throw new TypeError(`not a portable SQL value: ${typeof value}`);
}

function guarded<T>(raw: RawDatabase, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asLadingError(raw.resultCode(error), error) ?? error;
  }
}

/** SQLite's primary result codes that an app can do something about (sqlite.org/rescode.html). */
function asLadingError(code: number | undefined, cause: unknown): LadingError | undefined {
  switch (code === undefined ? undefined : code & 0xff) {
    case 5:
    case 6:
      return new LadingError('database_busy', 'Another connection is writing; try again.', {
        cause,
      });
    case 8:
      return new LadingError(
        'database_read_only',
        'The database cannot be written: check the permissions of the file and its folder.',
        { cause },
      );
    case 11:
    case 26:
      return new LadingError(
        'database_corrupt',
        'The file is not a sound SQLite database. Keep it: set it aside and open a new one.',
        { cause },
      );
    case 13:
      return new LadingError('disk_full', 'The disk is full: free some space and try again.', {
        cause,
      });
    case 14:
      return new LadingError(
        'database_unopenable',
        'The database file cannot be opened: check that its folder exists and may be written.',
        { cause },
      );
    default:
      return undefined;
  }
}
