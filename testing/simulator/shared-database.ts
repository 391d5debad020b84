import type { SqlDatabase } from '../../ports/sql.ts';
import { ProcessKilled, type SimProcess } from '../world/process.ts';

/** One open database of a device that several processes use: it is closed when the last of them closes it. */
export interface SharedDatabase {
  readonly sql: SqlDatabase;
  join(): void;
  /** Closes the database when nobody is left. */
  leave(): void;
  /** Its process died: nothing is closed on its account. */
  forget(): void;
}

/** @param onClosed called when the last one left. */
export function sharedDatabase(sql: SqlDatabase, onClosed: () => void): SharedDatabase {
  let users = 0;
  return {
    sql,
    join() {
      users += 1;
    },
    leave() {
      users -= 1;
      if (users > 0) return;
      sql.close();
      onClosed();
    },
    forget() {
      users -= 1;
    },
  };
}

/** The database as one process sees it: nothing passes once it is dead, and closing it leaves it to the others. */
export function processView(process: SimProcess, shared: SharedDatabase): SqlDatabase {
  const { sql } = shared;
  let closed = false;
  shared.join();
  process.onKill(() => {
    if (closed) return;
    closed = true;
    shared.forget();
  });
  const live = (): SqlDatabase => {
    if (process.isAlive) return sql;
    throw new ProcessKilled(`${process.name} is dead: database`);
  };
  return {
    exec: (text) => live().exec(text),
    run: (text, ...params) => live().run(text, ...params),
    get: (text, ...params) => live().get(text, ...params),
    all: (text, ...params) => live().all(text, ...params),
    transaction: (run) => live().transaction(run),
    read: (query) => live().read(query),
    get inTransaction() {
      return process.isAlive && sql.inTransaction;
    },
    close() {
      if (closed) return;
      closed = true;
      shared.leave();
    },
  };
}
