import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { readOnlyAttachment } from '../../bin/hosted.ts';
import { compactStream } from '../../engine/host/compact.ts';
import type { Compaction } from '../../engine/host/definition.ts';
import { foldStep } from '../../engine/host/snapshots.ts';
import { attachmentCompaction } from '../../engine/lifecycle/compaction.ts';
import type { Snapshot } from '../../machines/durable/stepper.ts';
import { pathsThroughEveryDefinition } from '../../model-based-tests/support/paths.ts';
import { compactionTable } from '../../persistence/log/compaction-table.ts';
import { logTransaction } from '../../persistence/log/log-transaction.ts';
import { taskTransaction } from '../../persistence/log/task-transaction.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import type { StoredEvent, StoreTransaction, StreamId } from '../../ports/event-store.ts';
import { eventsOf } from '../support/path-logs.ts';

const machine = { ...readOnlyAttachment(), project: () => {} };
/** Whatever owes nothing, not only what is settled: a checkpoint must stand for any of it. */
const everything: Compaction = { ...attachmentCompaction, how: () => 'checkpoint' };

function store(): StoreTransaction {
  const database = nodeSqlite(new DatabaseSync(':memory:'));
  migrate(database, 0);
  return {
    log: logTransaction(database),
    tasks: taskTransaction(database),
    runners: {} as never,
    sql: database,
  };
}

function fold(events: readonly StoredEvent[], from?: Snapshot): Snapshot {
  return events.reduce<Snapshot | undefined>(
    (state, event) => foldStep(machine, state, event).snapshot,
    from,
  ) as Snapshot;
}

function plain(snapshot: Snapshot): unknown {
  return JSON.parse(JSON.stringify(machine.stepper.persist(snapshot)));
}

/** The events with the states that they lead to, as the host appends them. */
function complete(events: readonly StoredEvent[]): readonly StoredEvent[] {
  let state: Snapshot | undefined;
  return events.map((event) => {
    state = foldStep(machine, state, event).snapshot;
    return { ...event, state: state.value };
  });
}

describe('a checkpoint, at every place of every path of the machine where nothing is owed', () => {
  it('stands for all that was before it, and what follows comes to the same', () => {
    const tx = store();
    let compacted = 0;
    for (const [number, path] of pathsThroughEveryDefinition().paths.entries()) {
      const events = complete(eventsOf(path));
      for (let length = 1; length <= events.length; length++) {
        const stream = `${number}.${length}` as StreamId;
        const [begin, rest] = [events.slice(0, length), events.slice(length)];
        const { status } = fold(begin);
        tx.log.append(stream, 0, begin, { machine: machine.id, status });
        const one = { machine, rules: everything };
        const done = compactStream(tx, compactionTable, one, stream, () => true);
        if (done.outcome !== 'checkpoint') continue;
        compacted += 1;
        const kept = tx.log.read(stream);
        expect(kept.map(({ version, at }) => [version, at])).toEqual([[length, begin.at(-1)?.at]]);
        expect(plain(fold(kept))).toEqual(plain(fold(begin)));
        expect(plain(fold(rest, fold(kept)))).toEqual(plain(fold(events)));
      }
    }
    expect(compacted).toBeGreaterThan(150);
  }, 120_000);
});
