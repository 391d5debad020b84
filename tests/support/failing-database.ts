import { asLadingError } from '../../persistence/drivers/driver.ts';
import type { SqlDatabase, SqlValue } from '../../ports/sql.ts';

/** Where a database may fail: when a transaction or a read begins, at a statement, and when a transaction ends. */
export type Access = 'begin' | 'read' | 'statement' | 'commit';

/** What drivers throw for SQLite's result codes: another connection writes; an I/O error. */
export const SQLITE = {
  busy: () => thrownFor(5),
  io: () => thrownFor(10),
} as const satisfies Record<string, () => Error>;

function thrownFor(code: number): Error {
  const raw = new Error(`SQLite says ${code}`);
  return asLadingError(code, raw) ?? raw;
}

/**
 * A database that asks before each access whether it fails there. A transaction whose end fails is taken back.
 * @param failure is told the statement, where it is one.
 */
export function failingDatabase(
  real: SqlDatabase,
  failure: (access: Access, sql: string) => Error | undefined,
): SqlDatabase {
  const check = (access: Access, sql = ''): void => {
    const error = failure(access, sql);
    if (error !== undefined) throw error;
  };
  const statement =
    <Args extends readonly SqlValue[], T>(run: (sql: string, ...args: Args) => T) =>
    (sql: string, ...args: Args): T => {
      check('statement', sql);
      return run(sql, ...args);
    };
  return {
    exec: statement((sql) => real.exec(sql)),
    run: statement((sql, ...args: SqlValue[]) => real.run(sql, ...args)),
    get: statement((sql, ...args: SqlValue[]) => real.get(sql, ...args)),
    all: statement((sql, ...args: SqlValue[]) => real.all(sql, ...args)),
    transaction(run) {
      if (real.inTransaction) return real.transaction(run);
      check('begin');
      return real.transaction(() => {
        const result = run();
        check('commit');
        return result;
      });
    },
    read(query) {
      check('read');
      return real.read(query);
    },
    get inTransaction() {
      return real.inTransaction;
    },
    close: () => real.close(),
  };
}

/** A database that fails from `fall` to `mend`, whatever is asked. Closing the engine leaves it open. */
export function ailing(real: SqlDatabase, onClose: () => void = () => {}) {
  let error: (() => Error) | undefined;
  const store: SqlDatabase = failingDatabase(
    {
      ...real,
      get inTransaction() {
        return real.inTransaction;
      },
      close: onClose,
    },
    () => error?.(),
  );
  return {
    store,
    fall(as: () => Error = SQLITE.io): void {
      error = as;
    },
    mend(): void {
      error = undefined;
    },
  };
}
