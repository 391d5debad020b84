import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import type { DriverOptions } from '../../persistence/drivers/driver.ts';
import type { EventStore, NewEvent, StreamId } from '../../ports/event-store.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';

export function asStream(id: string): StreamId {
  return id as StreamId;
}

export function event(type = 'happened'): NewEvent {
  return { type, schemaVersion: 1, at: 1, jitter: 0.5, payload: {}, state: 's', key: null };
}

/** A store in memory that tells which statements SQLite was given directly (BEGIN, COMMIT, savepoints). */
export function counted(
  driver: DriverOptions = {},
  whenOpening: () => void = () => {},
): {
  readonly store: EventStore;
  readonly clock: VirtualClock;
  readonly handle: DatabaseSync;
  readonly statements: string[];
  readonly close: () => Promise<void>;
} {
  whenOpening();
  const clock = virtualClock();
  const handle = new DatabaseSync(':memory:');
  const statements: string[] = [];
  const exec = handle.exec.bind(handle);
  handle.exec = (sql) => {
    statements.push(sql);
    exec(sql);
  };
  const prepare = handle.prepare.bind(handle);
  handle.prepare = (sql) => {
    const statement = prepare(sql);
    const run = statement.run.bind(statement);
    // Transactions are prepared once and run often; of the others only what `exec` gets is of interest.
    if (/^(?:BEGIN|COMMIT|ROLLBACK)/.test(sql)) {
      statement.run = () => {
        statements.push(sql);
        return run();
      };
    }
    return statement;
  };
  const store = openSqliteEventStore(nodeSqlite(handle, driver), clock);
  return {
    store,
    clock,
    handle,
    statements,
    async close() {
      const closing = store.close();
      await clock.advanceBy(0);
      await closing;
    },
  };
}

/** A folder of its own for one test; `run` gets its path. */
export async function inFolder(run: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lading-store-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
