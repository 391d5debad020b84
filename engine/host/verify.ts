import { isDeepEqual } from '../../machines/durable/deep-equal.ts';
import type { JsonObject } from '../../machines/json.ts';
import { LadingError } from '../../ports/errors.ts';
import type {
  EventStore,
  StoreTransaction,
  StreamHead,
  StreamId,
  Task,
} from '../../ports/event-store.ts';
import type { HostedMachine } from './definition.ts';
import { type Replayed, replayAll } from './replay-all.ts';
import type { TaskFold } from './task-fold.ts';
import { viewOf } from './work.ts';

/** One difference between the log and what was derived from it. */
export interface Difference {
  readonly stream: StreamId;
  /**
   * `log`: the events themselves are unsound or of a newer version, nothing can be derived; `state`: an event's
   * recorded state is not what the machine makes of it; `buried`: a task was set aside; the others name what differs.
   */
  readonly kind: 'log' | 'state' | 'head' | 'snapshot' | 'task' | 'buried' | 'projection';
  readonly message: string;
  /** Whether this call has put it right. */
  readonly repaired: boolean;
}

export interface VerifyOptions {
  /** Goes on after this stream. Default from the beginning. */
  readonly after?: StreamId | undefined;
  /** Streams in this slice. Default 100. */
  readonly limit?: number;
  /** Writes heads, snapshots, tasks and projections anew where they differ. The log is never changed. Default false. */
  readonly repair?: boolean;
}

export interface VerifySlice {
  readonly checked: number;
  readonly differences: readonly Difference[];
  /** Give it as `after` to go on; undefined when this was the last slice. */
  readonly next: StreamId | undefined;
}

/**
 * Replays one slice of streams and compares with all that was derived from them: each event's state, heads,
 * snapshots, tasks and, through the machine's `compare`, projections (contract 9.2). Each slice is one transaction,
 * so it can run beside a host.
 * @throws {LadingError} what the store throws.
 */
export async function verifyStreams(
  store: EventStore,
  machines: readonly HostedMachine[],
  options: VerifyOptions = {},
): Promise<VerifySlice> {
  const limit = options.limit ?? 100;
  const check = (tx: StoreTransaction): VerifySlice => {
    const streams = tx.log.streams(options.after ?? '', limit);
    const differences = streams.flatMap((stream) =>
      verifyStream(tx, stream, machines, options.repair === true),
    );
    return {
      checked: streams.length,
      differences,
      next: streams.length < limit ? undefined : streams.at(-1),
    };
  };
  return options.repair === true ? store.transact(check) : store.read(check);
}

function verifyStream(
  tx: StoreTransaction,
  stream: StreamId,
  machines: readonly HostedMachine[],
  repair: boolean,
): readonly Difference[] {
  const head = tx.log.head(stream) as StreamHead;
  const found: Difference[] = [];
  const report = (kind: Difference['kind'], message: string, fix?: () => void): void => {
    if (repair) fix?.();
    found.push({ stream, kind, message, repaired: repair && fix !== undefined });
  };
  const machine = machines.find(({ id }) => id === head.machine);
  if (machine === undefined) {
    report('log', `its machine ${head.machine} is not registered`);
    return found;
  }
  let replayed: Replayed;
  try {
    replayed = replayAll(machine, stream, tx.log.read(stream), (message) =>
      report('state', message),
    );
  } catch (error) {
    report('log', error instanceof LadingError ? error.message : `a replay threw ${String(error)}`);
    return found;
  }
  compareHead(tx, head, replayed, machine, stream, report);
  compareSnapshot(tx, replayed, machine, stream, report);
  compareTasks(tx, replayed, stream, report);
  const after = viewOf(replayed.snapshot);
  const projections = machine.compare?.(tx, stream, after) ?? [];
  const rebuild = machine.rebuild?.bind(machine);
  projections.forEach((message, index) => {
    const fix = index === 0 ? () => rebuild?.(tx, stream, after) : () => {};
    report('projection', message, rebuild === undefined ? undefined : fix);
  });
  return found;
}

type Report = (kind: Difference['kind'], message: string, fix?: () => void) => void;

function compareHead(
  tx: StoreTransaction,
  head: StreamHead,
  replayed: Replayed,
  machine: HostedMachine,
  stream: StreamId,
  report: Report,
): void {
  const { version, snapshot } = replayed;
  if (head.version === version && head.status === snapshot.status) return;
  report(
    'head',
    `the head says version ${head.version}, ${head.status}; the log version ${version}, ${snapshot.status}`,
    () => tx.log.repairHead(stream, { machine: machine.id, version, status: snapshot.status }),
  );
}

function compareSnapshot(
  tx: StoreTransaction,
  { snapshot, version }: Replayed,
  machine: HostedMachine,
  stream: StreamId,
  report: Report,
): void {
  const body = asStored(machine.stepper.persist(snapshot));
  const save = (): void => tx.log.saveSnapshot(stream, { version, format: machine.format, body });
  const stored = tx.log.snapshot(stream);
  // A snapshot is a cache: one that is not there, or of another format, is no difference (contract 9.2).
  if (stored === undefined || stored.format !== machine.format) return;
  if (stored.version !== version) {
    report('snapshot', `the snapshot is of version ${stored.version}, the log of ${version}`, save);
  } else if (!isDeepEqual(stored.body, body)) {
    report('snapshot', 'the snapshot is not the state that the log makes', save);
  }
}

function compareTasks(
  tx: StoreTransaction,
  { tasks }: Replayed,
  stream: StreamId,
  report: Report,
): void {
  const rows = tx.tasks.of(stream);
  for (const expected of tasks.owed.values()) {
    const row = rows.find(({ kind, name }) => kind === expected.kind && name === expected.name);
    // One that is missing may have run: the next run is a repetition.
    const put = (): void => tx.tasks.put({ ...expected, attempts: 1, runner: null });
    if (row === undefined) report('task', `${describe(expected)} is missing`, put);
    else if (!isSameTask(row, expected)) {
      report('task', `${describe(row)} should be ${describe(expected)}`, put);
    }
  }
  for (const row of rows) {
    if (typeof row.buried === 'string') {
      report('buried', `${describe(row)} was set aside: ${row.buried}`);
    }
    // An action leaves no event when it is done: its row may be gone, but it must have been asked for.
    const asked = tasks.actions.get(row.name);
    if (
      row.kind === 'action' ? asked !== undefined && isSameTask(row, asked) : isOwed(tasks, row)
    ) {
      continue;
    }
    report('task', `${describe(row)} was never asked for`, () =>
      tx.tasks.remove(stream, row.kind, row.name),
    );
  }
}

function isOwed(tasks: TaskFold, row: Task): boolean {
  return [...tasks.owed.values()].some(({ kind, name }) => kind === row.kind && name === row.name);
}

function isSameTask(row: Task, expected: Task): boolean {
  return (
    row.run === expected.run &&
    row.src === expected.src &&
    row.machine === expected.machine &&
    row.startedAt === expected.startedAt &&
    row.dueAt === expected.dueAt &&
    isDeepEqual(row.input, asStored(expected.input))
  );
}

function describe(task: Task): string {
  const due = task.kind === 'timer' ? `, due ${task.dueAt}` : '';
  return `${task.kind} ${task.name} (${task.src}, run ${task.run}${due})`;
}

function asStored<T extends JsonObject | Task['input']>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
