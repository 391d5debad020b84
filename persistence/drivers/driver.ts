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
  /** An error that the driver has better words for than its result code. */
  known?(error: unknown): LadingError | undefined;
  /**
   * Whether SQLite has a transaction open on this handle, whoever began it: ours, or the app's own. It ends by
   * itself when the disk fills or fails (sqlite.org/lang_transaction.html), and nobody tells. Without it only our
   * own are known.
   */
  foreignTransaction?(): boolean;
  /** Whether the handle was closed, by us or by the app whose handle it is. Without it nobody can tell. */
  isClosed?(): boolean;
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
  const isOpen = (): boolean => raw.foreignTransaction?.() ?? depth > 0;
  /** Why the open transaction can not be committed any more, although who began it has not noticed yet. */
  let lost: { readonly cause: unknown } | undefined;

  function typed(error: unknown): unknown {
    if (error instanceof LadingError) return error;
    if (raw.isClosed?.() === true) return closedHandle(error);
    return raw.known?.(error) ?? asLadingError(raw.resultCode(error), error) ?? error;
  }

  function guarded<T>(work: () => T): T {
    if (lost !== undefined) throw lost.cause;
    try {
      return work();
    } catch (error) {
      const known = typed(error);
      // SQLite rolled all of it back: the next statement would be a transaction of its own, and durable.
      if (depth > 0 && !isOpen()) lost = { cause: known };
      throw known;
    }
  }

  const exec = (sql: string): void => guarded(() => raw.exec(sql));

  function rollback(level: number): void {
    if (level > 0 && lost !== undefined) return;
    try {
      if (level > 0) raw.exec(`ROLLBACK TO lading_${level}; RELEASE lading_${level}`);
      else if (isOpen()) raw.exec('ROLLBACK');
    } catch (cause) {
      // What was to be taken back is still there: nothing of the outermost transaction may be committed.
      // The outermost one has nothing left to protect: what went wrong first is the answer, and a transaction that
      // is still open is met by the next BEGIN.
      if (level > 0) lost = { cause: typed(cause) };
    }
  }

  return {
    exec,
    run: (sql, ...params) => guarded(() => statements.get(sql).run(params.map(portableValue))),
    get: (sql, ...params) => guarded(() => statements.get(sql).all(params.map(portableValue))[0]),
    all: (sql, ...params) => guarded(() => statements.get(sql).all(params.map(portableValue))),
    transaction(run) {
      const level = depth;
      if (level === 0 && isOpen()) throw foreignTransaction();
      exec(level === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT lading_${level}`);
      depth = level + 1;
      try {
        const result = run();
        if (result instanceof Promise) {
          result.catch(() => {}); // it runs on outside of the transaction, where it can only fail
          throw new TypeError('a transaction function must be synchronous: it returned a promise');
        }
        if (level === 0 && lost === undefined) options.beforeCommit?.();
        exec(level === 0 ? 'COMMIT' : `RELEASE lading_${level}`);
        return result;
      } catch (error) {
        rollback(level);
        throw error;
      } finally {
        depth = level;
        if (level === 0) lost = undefined;
      }
    },
    read(query) {
      if (depth > 0 || isOpen()) return query();
      exec('BEGIN');
      try {
        const result = query();
        if (isOpen()) exec('COMMIT');
        return result;
      } catch (error) {
        rollback(0);
        throw error;
      }
    },
    get inTransaction() {
      return depth > 0 && lost === undefined;
    },
    close() {
      statements.clear();
      raw.close();
    },
  };
}

function closedHandle(cause: unknown): LadingError {
  return new LadingError(
    'database_unopenable',
    'The database handle is closed: open the database again, and give Lading the new handle.',
    { cause },
  );
}

/** What an app hears that leaves its own transaction open on a shared handle. */
export function foreignTransaction(): LadingError {
  return new LadingError(
    'database_busy',
    'The app has a transaction open on this handle: end it, then try again.',
  );
}

const TRANSACTION_CONTROL = /^\s*(?:begin|commit|end|rollback|savepoint|release)\b/i;

function statementCache(raw: RawDatabase, max: number) {
  const cache = new Map<string, RawStatement>();
  return {
    get(sql: string): RawStatement {
      let statement = cache.get(sql);
      if (statement === undefined) {
        if (TRANSACTION_CONTROL.test(sql)) {
          throw new TypeError(
            'transactions are begun and ended by `transaction`, not by statements',
          );
        }
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

/** SQLite's primary result codes that an app can do something about (sqlite.org/rescode.html). */
export function asLadingError(code: number | undefined, cause: unknown): LadingError | undefined {
  switch (code === undefined ? undefined : code & 0xff) {
    case 5:
    case 6:
    case 15: // two that began at the same moment, again and again
      return new LadingError('database_busy', 'Another connection is writing; try again.', {
        cause,
      });
    case 8:
      return new LadingError(
        'database_read_only',
        'The database cannot be written: check the permissions of the file and its folder.',
        { cause },
      );
    case 10:
      return new LadingError(
        'database_io_failed',
        'The system could not read or write the database file: look at the disk, or unlock the device; then try again.',
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
