import { type Clock, sleep } from '../ports/clock.ts';
import { LadingError } from '../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../ports/event-store.ts';
import type { SqlDatabase } from '../ports/sql.ts';
import { logTransaction } from './log/log-transaction.ts';
import { runnerTransaction } from './log/runner-transaction.ts';
import { taskTransaction } from './log/task-transaction.ts';

/** Decisions that share one transaction and one fsync at most; 50 an fsync run 15 times faster than one. */
const GROUP_LIMIT = 64;
/** How long decisions wait for another connection's write lock before they are refused. */
const BUSY_PATIENCE_MS = 30_000;
const BUSY_RETRY_MS = 5;

interface Waiting {
  decide(tx: StoreTransaction): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

type Decided = { readonly waiting: Waiting } & (
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }
);

/**
 * The event store on one SQLite connection that has the present schema, with group commit (design 2): decisions that
 * arrive in one turn of the event loop share a transaction, each in a savepoint; all are answered after COMMIT.
 * @throws {LadingError} `database_read_only`, `database_corrupt`, `database_busy`.
 */
export function eventStoreOn(database: SqlDatabase, clock: Clock): EventStore {
  refuseReadOnly(database);
  const tx: StoreTransaction = {
    log: logTransaction(database),
    tasks: taskTransaction(database),
    runners: runnerTransaction(database),
    sql: database,
  };
  let queue: Waiting[] = [];
  let flushing: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    await new Promise<void>((resolve) => void clock.schedule(0, resolve));
    while (queue.length > 0) {
      const group = queue.slice(0, GROUP_LIMIT);
      queue = queue.slice(GROUP_LIMIT);
      await commitGroup(database, tx, group, clock);
    }
    flushing = undefined;
  }

  return {
    transact<T>(decide: (tx: StoreTransaction) => T): Promise<T> {
      if (closing !== undefined) return Promise.reject(closedError());
      return new Promise<T>((resolve, reject) => {
        queue.push({ decide, resolve, reject });
        flushing ??= flush();
      });
    },
    read: (query) => {
      if (closing !== undefined) throw closedError();
      return database.read(() => query(tx));
    },
    close() {
      closing ??= Promise.resolve(flushing).then(() => database.close());
      return closing;
    },
  };
}

/** Reading would work until the first commit fails: better told when the app can still say so. */
function refuseReadOnly(database: SqlDatabase): void {
  try {
    // A BEGIN alone succeeds where nothing can be written; this asks for the right to write, and writes nothing.
    database.transaction(() => database.run('UPDATE lading_meta SET value = value WHERE 0'));
  } catch (error) {
    if (!(error instanceof LadingError) || error.code !== 'database_busy') throw error;
  }
}

async function commitGroup(
  database: SqlDatabase,
  tx: StoreTransaction,
  group: readonly Waiting[],
  clock: Clock,
): Promise<void> {
  // Counted, not read from the clock: it may jump.
  for (let waitedMs = 0; ; waitedMs += BUSY_RETRY_MS) {
    try {
      answer(database.transaction(() => group.map((waiting) => decideOne(database, tx, waiting))));
      return;
    } catch (error) {
      const busy = error instanceof LadingError && error.code === 'database_busy';
      if (!busy || waitedMs >= BUSY_PATIENCE_MS) {
        for (const waiting of group) waiting.reject(asCommitError(error));
        return;
      }
      await sleep(clock, BUSY_RETRY_MS);
    }
  }
}

/** A decision that throws takes only itself back; when the transaction itself is lost, so is the group. */
function decideOne(database: SqlDatabase, tx: StoreTransaction, waiting: Waiting): Decided {
  try {
    return { waiting, ok: true, value: database.transaction(() => waiting.decide(tx)) };
  } catch (error) {
    if (!database.inTransaction) throw error;
    return { waiting, ok: false, error };
  }
}

function answer(decided: readonly Decided[]): void {
  for (const one of decided) {
    if (one.ok) one.waiting.resolve(one.value);
    else one.waiting.reject(one.error);
  }
}

function asCommitError(error: unknown): LadingError {
  if (error instanceof LadingError) return error;
  return new LadingError('commit_failed', 'The commit failed; nothing of it happened. Try again.', {
    cause: error,
  });
}

function closedError(): LadingError {
  return new LadingError('closed', 'Lading was closed: open it again before you use it.');
}
