import { toMachineEvent } from '../../machines/durable/event-names.ts';
import { findNotJson } from '../../machines/durable/plain-json.ts';
import type { Snapshot, Step } from '../../machines/durable/stepper.ts';
import type { JsonObject } from '../../machines/json.ts';
import { isCompacted } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction, StreamId, Task } from '../../ports/event-store.ts';
import type { Change, HostedMachine, MachineEvent, SendOutcome, StateView } from './definition.ts';
import { createdType, type Loaded, replay, type SnapshotCache } from './snapshots.ts';
import { taskOf } from './task-fold.ts';

/** What the steps of one decision need of the host. */
export interface WorkContext {
  readonly machines: ReadonlyMap<string, HostedMachine>;
  readonly cache: SnapshotCache;
  stamp(): { readonly at: number; readonly jitter: number };
  /** The runner to claim a new task for, or null to leave it for the pump. */
  claimer(
    tx: StoreTransaction,
    machine: HostedMachine,
    task: Pick<Task, 'kind' | 'src' | 'input'>,
  ): string | null;
}

/** Something to do once the decision is durable. */
export type AfterCommit =
  | { readonly type: 'start'; readonly machine: HostedMachine; readonly task: Task }
  | { readonly type: 'stop'; readonly stream: StreamId; readonly name: string }
  | { readonly type: 'arm' };

/**
 * One decision: steps of one or several streams that become durable together or not at all (design 2).
 * It lives inside a store transaction; what it learnt reaches caches and services only after COMMIT.
 */
export interface Work {
  readonly tx: StoreTransaction;
  /**
   * Begins a stream. One that exists and has seen `key` is left as it is.
   * @throws {LadingError} `stream_exists`, `unknown_machine`.
   */
  create(stream: StreamId, machine: string, input: JsonObject, key?: string): SendOutcome;
  /**
   * Begins a new life of a stream that is done: its versions go on, nothing else of the old life does (contract 5.3).
   * @throws {LadingError} `not_found`; `stream_exists` for one that is not done.
   */
  reopen(stream: StreamId, input: JsonObject): SendOutcome;
  /**
   * Steps a stream by an event from outside. An event whose `key` the stream has seen is ignored.
   * @throws {LadingError} `not_found`, `invalid_event`.
   */
  send(stream: StreamId, event: MachineEvent, key?: string): SendOutcome;
  /** The stream's present state, this decision's own steps included; undefined when there is none. */
  peek(stream: StreamId): (StateView & { readonly version: number }) | undefined;
}

/** A decision with what the host must do after it. */
export interface OpenWork extends Work {
  /** Steps by an event of the host's own: a result or a timer. */
  deliver(stream: StreamId, type: string, payload: JsonObject): SendOutcome;
  /** Writes snapshots and runs `beforeCommit`; the decision is complete. */
  finish(): void;
  readonly changes: readonly Change[];
  readonly afterCommit: readonly AfterCommit[];
  readonly loaded: ReadonlyMap<StreamId, Loaded>;
}

export function openWork(tx: StoreTransaction, context: WorkContext): OpenWork {
  const loaded = new Map<StreamId, Loaded>();
  const dirty = new Set<StreamId>();
  const changes: Change[] = [];
  const afterCommit: AfterCommit[] = [];
  /** A step that threw half written: the decision may catch it, but it can no longer become durable. */
  let broken: { readonly cause: unknown } | undefined;
  let finished = false;

  function assertOpen(): void {
    if (finished) throw new Error('the decision is over: nothing can be added to it');
  }

  function load(stream: StreamId): Loaded | undefined {
    const known = loaded.get(stream);
    if (known !== undefined) return known;
    const head = tx.log.head(stream);
    if (head === undefined) return undefined;
    const machine = machineOf(context, head.machine);
    const cached = context.cache.get(stream);
    const found: Loaded =
      cached?.version === head.version
        ? cached
        : { machine, version: head.version, snapshot: replay(tx, stream, machine, head.version) };
    loaded.set(stream, found);
    return found;
  }

  function take(...step: Parameters<typeof write>): SendOutcome {
    try {
      return write(...step);
    } catch (cause) {
      broken ??= { cause };
      throw cause;
    }
  }

  function write(
    stream: StreamId,
    machine: HostedMachine,
    before: Loaded | undefined,
    event: { readonly type: string; readonly payload: JsonObject; readonly key: string | null },
    stamp: { readonly at: number; readonly jitter: number },
    step: Step,
  ): SendOutcome {
    const version = (before?.version ?? 0) + 1;
    const begins = event.type === createdType(machine);
    assertJson(step.snapshot.context);
    const newEvent = {
      ...event,
      ...stamp,
      schemaVersion: machine.schemaVersion?.(event.type) ?? 1,
      state: step.snapshot.value,
    };
    tx.log.append(stream, version - 1, [newEvent], {
      machine: machine.id,
      status: step.snapshot.status,
    });
    const owed = writeTasks(tx, context, machine, stream, version, stamp.at, step);
    afterCommit.push(...owed);
    const change: Change = {
      stream,
      machine: machine.id,
      version,
      event: newEvent,
      before: before === undefined || begins ? null : viewOf(before.snapshot),
      after: viewOf(step.snapshot),
    };
    loaded.set(stream, { machine, version, snapshot: step.snapshot });
    dirty.add(stream);
    changes.push(change);
    machine.project?.(tx, change);
    return { outcome: 'changed', state: change.after, version };
  }

  function begin(
    stream: StreamId,
    machine: HostedMachine,
    ended: Loaded | undefined,
    input: JsonObject,
    key: string | null,
  ): SendOutcome {
    const stamp = context.stamp();
    const payload = asStored({ input });
    const step = machine.stepper.init({ ...(payload['input'] as JsonObject), ...stamp });
    return take(stream, machine, ended, { type: createdType(machine), payload, key }, stamp, step);
  }

  function stepBy(
    stream: StreamId,
    event: { readonly type: string; readonly payload: JsonObject; readonly key: string | null },
    from: 'outside' | 'host',
  ): SendOutcome {
    assertOpen();
    const before = load(stream);
    if (before === undefined) throw notFound(stream);
    const ignored: SendOutcome = {
      outcome: 'ignored',
      state: viewOf(before.snapshot),
      version: before.version,
    };
    if (before.snapshot.status !== 'active') return ignored;
    if (event.key !== null && tx.log.hasKey(stream, event.key)) return ignored;
    const stamp = context.stamp();
    const stored = { ...event, payload: asStored(event.payload) };
    const step = before.machine.stepper.step(
      before.snapshot,
      toMachineEvent(stored.type, stored.payload, stamp),
    );
    // A result or a timer is logged even if the machine does nothing with it: it settled its task.
    return step.changed || from === 'host'
      ? take(stream, before.machine, before, stored, stamp, step)
      : ignored;
  }

  return {
    tx,
    changes,
    afterCommit,
    loaded,

    create(stream, machineId, input, key) {
      assertOpen();
      const machine = machineOf(context, machineId);
      const existing = load(stream);
      if (existing !== undefined && key !== undefined && tx.log.hasKey(stream, key)) {
        return { outcome: 'ignored', state: viewOf(existing.snapshot), version: existing.version };
      }
      if (existing !== undefined) throw exists(stream);
      return begin(stream, machine, undefined, input, key ?? null);
    },

    reopen(stream, input) {
      assertOpen();
      const ended = load(stream);
      if (ended === undefined) throw notFound(stream);
      if (ended.snapshot.status !== 'done') throw exists(stream);
      return begin(stream, ended.machine, ended, input, null);
    },

    send(stream, event, key) {
      const machine = load(stream)?.machine;
      machine?.validate?.(event);
      const { type, ...payload } = event;
      refuseReserved(type, payload as JsonObject, machine);
      return stepBy(stream, { type, payload: payload as JsonObject, key: key ?? null }, 'outside');
    },

    deliver: (stream, type, payload) => stepBy(stream, { type, payload, key: null }, 'host'),

    peek(stream) {
      const found = load(stream);
      return found === undefined
        ? undefined
        : { ...viewOf(found.snapshot), version: found.version };
    },

    finish() {
      if (broken !== undefined) throw broken.cause;
      for (const machine of new Set(changes.map((change) => machineOf(context, change.machine)))) {
        machine.beforeCommit?.(
          tx,
          changes.filter((change) => change.machine === machine.id),
        );
      }
      for (const stream of dirty) {
        const { machine, version, snapshot } = loaded.get(stream) as Loaded;
        const body = machine.stepper.persist(snapshot);
        tx.log.saveSnapshot(stream, { version, format: machine.format, body });
      }
      finished = true;
    },
  };
}

/** Turns a step's effects into task rows of the same commit, and says what to do after it. */
function writeTasks(
  tx: StoreTransaction,
  context: WorkContext,
  machine: HostedMachine,
  stream: StreamId,
  version: number,
  at: number,
  step: Step,
): readonly AfterCommit[] {
  const owed: AfterCommit[] = [];
  step.effects.forEach((effect, index) => {
    switch (effect.type) {
      case 'stop':
        tx.tasks.remove(stream, 'invoke', effect.id);
        owed.push({ type: 'stop', stream, name: effect.id });
        break;
      case 'cancel':
        tx.tasks.remove(stream, 'timer', effect.name);
        break;
      default: {
        const asked = taskOf({ stream, machine: machine.id, version, at }, effect, index);
        const runner = context.claimer(tx, machine, asked);
        const task: Task = runner === null ? asked : { ...asked, runner, attempts: 1 };
        tx.tasks.put(task);
        if (effect.type === 'timer') owed.push({ type: 'arm' });
        else if (runner !== null) owed.push({ type: 'start', machine, task });
      }
    }
  });
  if (step.snapshot.status === 'done') tx.tasks.clear(stream);
  return owed;
}

/**
 * Results and timers are the host's own: an app that could send them would get past their fences. So are the events
 * that a fold begins with.
 */
function refuseReserved(
  type: string,
  payload: JsonObject,
  machine: HostedMachine | undefined,
): void {
  const taken = toMachineEvent(type, payload, { at: 0, jitter: 0 }).type;
  const begins = isCompacted(type) || (machine !== undefined && type === createdType(machine));
  if (type !== '' && taken === type && !type.startsWith('xstate.') && !begins) return;
  throw new LadingError('invalid_event', `An event of type "${type}" is the host's own to send.`, {
    details: { type },
  });
}

/** @throws {TypeError} for what the log would not give back as it was, so that replays would differ. */
function assertJson(context: JsonObject): void {
  const found = findNotJson(context, 'context');
  if (found === undefined) return;
  throw new TypeError(`${found} is not plain JSON: use strings, numbers, booleans, lists, objects`);
}

/** A payload as the log will give it back (without `undefined`), so that a replay sees what the step saw. */
function asStored(payload: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(payload)) as JsonObject;
}

function notFound(stream: StreamId): LadingError {
  return new LadingError('not_found', `There is no stream ${stream} on this device.`, {
    details: { stream },
  });
}

function exists(stream: StreamId): LadingError {
  return new LadingError('stream_exists', `Stream ${stream} exists already.`, {
    details: { stream },
  });
}

function machineOf(context: WorkContext, id: string): HostedMachine {
  const machine = context.machines.get(id);
  if (machine === undefined) {
    throw new LadingError(
      'unknown_machine',
      `The log has streams of a machine "${id}" that is not registered: register it when you open the host.`,
      { details: { machine: id } },
    );
  }
  return machine;
}

export function viewOf(snapshot: Snapshot): StateView {
  return { value: snapshot.value, context: snapshot.context, status: snapshot.status };
}
