import { LadingError } from '../../ports/errors.ts';
import type { SqlTransaction, SqlValue } from '../../ports/sql.ts';
import type { Work } from '../host/work.ts';
import { lendTransaction } from './lend-transaction.ts';

/** One statement of the app's, as data: it can also cross to a worker (design 3). */
export interface AppStatement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
  /** How many rows it must change; another number takes the whole commit back. Default any. */
  readonly changes?: number;
}

/**
 * The app's own rows in Lading's commit: a synchronous function, or a list of statements. When another connection
 * holds the write lock the whole commit is tried again, so a function may run more than once: let it only write rows.
 */
export type AppWrite = ((tx: SqlTransaction) => void) | readonly AppStatement[];

/** @throws {LadingError} `statement_count`, and what the app's function throws: the commit is taken back. */
export function runAppWrite(work: Work, write: AppWrite | undefined): void {
  if (write === undefined) return;
  if (typeof write === 'function') {
    lendTransaction(work.tx.sql, 'inTransaction', write);
    return;
  }
  for (const { sql, params = [], changes } of write) {
    const changed = work.tx.sql.run(sql, ...params);
    if (changes !== undefined && changed !== changes) {
      throw new LadingError(
        'statement_count',
        `A statement of yours changed ${changed} rows instead of ${changes}; nothing was stored.`,
        { details: { expected: changes, changed } },
      );
    }
  }
}
