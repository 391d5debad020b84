import type { EventStore, HostedMachine, Json, Stepper } from 'lading/host';
import type {
  LogTransaction,
  StoreTransaction,
  Task,
  TaskTransaction,
} from '../../ports/event-store.ts';
import type { Mutant } from './engine.ts';

/** An engine with one bug in it: the generated tests must notice each of them. */
export interface NamedMutant extends Mutant {
  readonly title: string;
}

export const mutants: readonly NamedMutant[] = [
  {
    title: 'a cancelled timer keeps its row',
    store: withTasks((real) => ({
      remove: (stream, kind, name) => {
        if (kind !== 'timer') real.remove(stream, kind, name);
      },
    })),
  },
  {
    title: 'a stopped service keeps its row',
    store: withTasks((real) => ({
      remove: (stream, kind, name) => {
        if (kind !== 'invoke') real.remove(stream, kind, name);
      },
    })),
  },
  {
    title: 'the fence of an answer is not looked at',
    store: withTasks((real) => ({
      settle: (task, runner) => real.settle(task, runner) || runner !== undefined,
      holds: () => true,
    })),
  },
  {
    title: 'a timer that fired elsewhere fires again',
    store: withTasks((real) => ({
      settle: (task, runner) => real.settle(task, runner) || runner === undefined,
    })),
  },
  {
    title: 'a service is not taken up after a restart',
    store: withTasks(() => ({ claimable: () => [] })),
  },
  {
    title: 'a repeated run is not told that it is one',
    machine: (real) => ({
      ...real,
      services: Object.fromEntries(
        Object.entries(real.services).map(([name, service]) => [
          name,
          { ...service, run: (input, run) => service.run(input, { ...run, rerun: false }) },
        ]),
      ),
    }),
  },
  {
    title: 'a timer is armed a millisecond late',
    store: withTasks((real) => ({
      put: (task: Task) =>
        real.put(task.kind === 'timer' ? { ...task, dueAt: task.dueAt + 1 } : task),
    })),
  },
  {
    title: 'a stop is forgotten by the step itself',
    machine: withEffects((type) => type !== 'stop'),
  },
  {
    title: 'the log keeps the state before the step',
    store: withLog((real) => {
      const last = new Map<string, Json>();
      return {
        append: (stream, expectedVersion, events, head) => {
          const state = last.get(stream);
          for (const event of events) last.set(stream, event.state);
          real.append(
            stream,
            expectedVersion,
            events.map((event) => ({ ...event, state: state ?? event.state })),
            head,
          );
        },
      };
    }),
  },
  {
    title: 'a snapshot is stored once and never again',
    store: withLog((real) => ({
      saveSnapshot: (stream, snapshot) => {
        if (snapshot.version === 1) real.saveSnapshot(stream, snapshot);
        else real.saveSnapshot(stream, { ...snapshot, body: real.snapshot(stream)?.body ?? null });
      },
    })),
  },
  {
    title: 'what follows from changed refs is left out',
    machine: (real) => ({ ...real, beforeCommit: () => {} }),
  },
  {
    title: 'a removed ref keeps its row',
    machine: (real) => ({
      ...real,
      project: (tx, change) => {
        if (!change.event.type.startsWith('ref.un')) real.project?.(tx, change);
      },
    }),
  },
];

function withTasks(
  change: (real: TaskTransaction) => Partial<TaskTransaction>,
): (real: EventStore) => EventStore {
  return wrapped((tx) => ({ ...tx, tasks: { ...tx.tasks, ...change(tx.tasks) } }));
}

function withLog(
  change: (real: LogTransaction) => Partial<LogTransaction>,
): (real: EventStore) => EventStore {
  return wrapped((tx) => ({ ...tx, log: { ...tx.log, ...change(tx.log) } }));
}

/** The same store, with another view of each transaction; the view is made once. */
function wrapped(
  view: (tx: StoreTransaction) => StoreTransaction,
): (real: EventStore) => EventStore {
  return (real) => {
    let known: StoreTransaction | undefined;
    const seen = (tx: StoreTransaction): StoreTransaction => (known ??= view(tx));
    return {
      transact: (decide) => real.transact((tx) => decide(seen(tx))),
      read: (query) => real.read((tx) => query(seen(tx))),
      close: () => real.close(),
    };
  };
}

function withEffects(keeps: (type: string) => boolean): (real: HostedMachine) => HostedMachine {
  return (real) => {
    const { stepper } = real;
    const step: Stepper['step'] = (snapshot, event) => {
      const taken = stepper.step(snapshot, event);
      return { ...taken, effects: taken.effects.filter(({ type }) => keeps(type)) };
    };
    return { ...real, stepper: { ...stepper, step } };
  };
}
