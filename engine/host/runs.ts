import {
  type LogEvent,
  type ServiceError,
  serviceCrash,
  serviceResult,
} from '../../machines/durable/event-names.ts';
import type { Json } from '../../machines/json.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { leftBehind } from '../../ports/closing.ts';
import type { StreamId, Task } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { HostedMachine, Service, ServiceRun, StateView } from './definition.ts';
import { describeError } from './describe-error.ts';
import { isClosed, isStorageTrouble, pauseMs } from './faults.ts';
import type { Lease } from './lease.ts';
import type { OpenWork } from './work.ts';

const DEFAULT_CONCURRENCY = 4;
/** Actions of one kind that are taken up at the same time after a start; fresh ones run at once. */
const ACTION_BATCH = 16;
/** Throws of the machine in a row at a result, after which the run is given up. */
const MAX_FAILURES = 5;
/** How long {@link Runs.close} waits for services that do not heed their signal. */
const CLOSE_PATIENCE_MS = 5_000;

interface Running {
  readonly task: Task;
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

/** The services and actions that run in this process now; each is fenced by its task row (contract 9.3). */
export interface Runs {
  /** Runs a task that this runner has claimed. */
  start(machine: HostedMachine, task: Task): void;
  stop(stream: StreamId, name: string): void;
  /** How many more runs of this source may begin here. */
  slots(machine: HostedMachine, kind: Task['kind'], src: string): number;
  /** Keeps a slot for a claim that is not durable yet; call the result once it is, or failed. */
  reserve(machine: HostedMachine, task: Pick<Task, 'kind' | 'src'>): () => void;
  /** What this machine's sources could run now. */
  runnable(machine: HostedMachine): readonly Pick<Task, 'kind' | 'src'>[];
  /**
   * Compares with what the store says this runner holds: stops what was taken over while it stood still, and
   * returns what it holds and does not run.
   * @param of the tasks of a stream that stand: what none of them goes on with was stopped, by whomever.
   */
  reconcile(
    held: readonly Task[],
    of: (stream: StreamId) => readonly Pick<Task, 'kind' | 'name'>[],
  ): readonly Task[];
  readonly size: number;
  close(): Promise<void>;
}

export function createRuns(options: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lease: Lease;
  /** Attempts after which a task that never settles is given up (dead letter). */
  readonly maxRuns: number;
  decide<T>(decision: (work: OpenWork) => T): Promise<T>;
  state(stream: StreamId): StateView | undefined;
  /** A slot fell free for which a task may wait. */
  onSlot(): void;
  /** A run is over. */
  onEnded(): void;
  /** Told when a result was handed in for its commit, in the same turn. */
  onSettling(task: Task): void;
  /** Told when a service has done its work and nothing of it is durable yet; for crash tests. */
  onServiceSettled(): void;
}): Runs {
  const { clock, logger, lease } = options;
  const running = new Map<string, Running>();
  const counts = new Map<string, number>();
  let closed = false;

  function slots(machine: HostedMachine, kind: Task['kind'], src: string): number {
    if (closed || kind === 'timer') return 0;
    if (kind === 'action') return machine.actions?.[src] === undefined ? 0 : ACTION_BATCH;
    const service = machine.services[src];
    if (service === undefined || !isReady(service, src)) return 0;
    return free(machine, service, src);
  }

  function free(machine: HostedMachine, service: Service, src: string): number {
    const limit = service.concurrency ?? DEFAULT_CONCURRENCY;
    return Math.max(0, limit - (counts.get(`${machine.id}/${src}`) ?? 0));
  }

  /** Whether a task may have been left waiting for want of a slot. Actions that are taken up have no slots, but batches. */
  function isFull(machine: HostedMachine, { kind, src }: Task): boolean {
    const service = machine.services[src];
    return kind === 'action' || service === undefined || free(machine, service, src) === 0;
  }

  function isReady(service: Service, src: string): boolean {
    try {
      return service.ready?.() !== false;
    } catch (error) {
      logger.error('a service could not say whether it is ready', { service: src, error });
      return false;
    }
  }

  function start(machine: HostedMachine, task: Task): void {
    const id = idOf(task.stream, task.name);
    running.get(id)?.controller.abort(leftBehind(stoppedError(task)));
    const controller = new AbortController();
    const release = reserve(machine, task);
    const done = run(machine, task, controller).finally(() => {
      const wasFull = isFull(machine, task);
      release();
      if (running.get(id)?.controller === controller) running.delete(id);
      if (closed) return;
      // Who finds a free slot takes it at once: nothing waits for one where there was another.
      if (wasFull) options.onSlot();
      options.onEnded();
    });
    running.set(id, { task, controller, done });
  }

  function reserve(machine: HostedMachine, task: Pick<Task, 'kind' | 'src'>): () => void {
    if (task.kind !== 'invoke') return () => {};
    const slot = `${machine.id}/${task.src}`;
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
    return () => void counts.set(slot, (counts.get(slot) ?? 1) - 1);
  }

  async function run(
    machine: HostedMachine,
    task: Task,
    controller: AbortController,
  ): Promise<void> {
    const { signal } = controller;
    const undos: (() => Promise<void>)[] = [];
    const lent: ServiceRun = {
      ifDropped: (undo) => void undos.push(undo),
      stream: task.stream,
      idempotencyKey: `${task.stream}:${task.name}:${task.run}`,
      signal,
      rerun: task.attempts > 1,
      state: () => options.state(task.stream),
      send: async (event) => {
        signal.throwIfAborted();
        const stood = await options.decide((work) => {
          const holds = work.tx.tasks.holds(task, lease.runner);
          if (holds) work.send(task.stream, event);
          return holds;
        });
        if (!stood) controller.abort(leftBehind(stoppedError(task)));
        signal.throwIfAborted();
      },
    };
    const settle =
      task.attempts > options.maxRuns
        ? deadLetter(task)
        : task.kind === 'action'
          ? await runAction(machine, task, lent)
          : await runService(machine, task, lent);
    if (settle === undefined) return;
    if (!signal.aborted) options.onServiceSettled();
    if (await settleDurably(task, signal, settle)) return;
    // A kill may come in between as well: what stays then is found by other means.
    for (const undo of undos) await undo().catch(() => {});
  }

  async function runService(
    machine: HostedMachine,
    task: Task,
    lent: ServiceRun,
  ): Promise<Settlement | undefined> {
    try {
      const output = await machine.services[task.src]?.run(task.input, lent);
      // As the log will give it back; what cannot be written down is a bug of the service.
      const result = JSON.parse(JSON.stringify(output ?? null)) as Json;
      return { type: 'event', event: serviceResult(task.name, result) };
    } catch (error) {
      if (lent.signal.aborted) return undefined;
      logger.error('a service threw', { stream: task.stream, service: task.src, error });
      return crash(task, describeError(error));
    }
  }

  async function runAction(
    machine: HostedMachine,
    task: Task,
    lent: ServiceRun,
  ): Promise<Settlement | undefined> {
    try {
      await machine.actions?.[task.src]?.(task.input, lent);
      return ACTION_DONE;
    } catch (error) {
      if (lent.signal.aborted) return undefined;
      logger.error('an action threw', { stream: task.stream, action: task.src, error });
      await pause(task.attempts, lent.signal);
      return AGAIN;
    }
  }

  /**
   * What a service found is precious (bytes may be sent): while the run stands it is tried again. When it is the
   * step that throws, the run becomes a crash, and if the machine cannot take even that, it is set aside.
   * @returns false when the run does not stand any more; true also when that cannot be known.
   */
  async function settleDurably(
    task: Task,
    signal: AbortSignal,
    found: Settlement,
  ): Promise<boolean> {
    let settlement = found;
    for (let bugs = 0, failures = 1; !signal.aborted; failures++) {
      try {
        const decided = options.decide((work) => applySettlement(work, task, settlement));
        if (failures === 1) options.onSettling(task);
        return await decided;
      } catch (error) {
        if (closed || isClosed(error)) return true;
        logger.error('a result could not be stored', {
          stream: task.stream,
          name: task.name,
          error,
        });
        if (!isStorageTrouble(error)) bugs++;
        if (bugs === MAX_FAILURES) settlement = givenUp(task, error);
        if (bugs > MAX_FAILURES) settlement = { ...SET_ASIDE, reason: String(error) };
        await pause(failures, signal);
      }
    }
    return closed;
  }

  async function pause(failures: number, signal: AbortSignal): Promise<void> {
    await sleep(clock, pauseMs(failures), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  /** @returns whether the run still stood. */
  function applySettlement(work: OpenWork, task: Task, settlement: Settlement): boolean {
    const { tasks } = work.tx;
    if (!tasks.holds(task, lease.runner)) return false;
    switch (settlement.type) {
      case 'again':
        tasks.put({ ...task, runner: null });
        break;
      case 'set_aside':
        tasks.bury(task, settlement.reason);
        break;
      case 'action_done':
        tasks.settle(task, lease.runner);
        break;
      default:
        tasks.settle(task, lease.runner);
        work.deliver(task.stream, settlement.event.type, settlement.event.payload);
    }
    return true;
  }

  return {
    slots,
    reserve,
    start,
    stop(stream, name) {
      const found = running.get(idOf(stream, name));
      if (found === undefined) return;
      running.delete(idOf(stream, name));
      found.controller.abort(stoppedError(found.task));
    },
    runnable: (machine) =>
      [
        ...Object.keys(machine.services).map((src) => ({ kind: 'invoke' as const, src })),
        ...Object.keys(machine.actions ?? {}).map((src) => ({ kind: 'action' as const, src })),
      ].filter(({ kind, src }) => slots(machine, kind, src) > 0),
    reconcile(held, of) {
      for (const { task, controller } of running.values()) {
        if (held.some((other) => isSameRun(other, task))) continue;
        const { kind, name } = task;
        const goesOn = of(task.stream).some((other) => other.kind === kind && other.name === name);
        const reason = stoppedError(task);
        controller.abort(goesOn ? leftBehind(reason) : reason);
      }
      const mine = [...running.values()];
      return held.filter((task) => !mine.some((other) => isSameRun(other.task, task)));
    },
    get size() {
      return running.size;
    },
    async close() {
      closed = true;
      const all = [...running.values()];
      for (const { controller, task } of all) {
        controller.abort(leftBehind(stoppedError(task)));
      }
      const patience = new AbortController();
      await Promise.race([
        Promise.allSettled(all.map(({ done }) => done)),
        sleep(clock, CLOSE_PATIENCE_MS, patience.signal).catch(() => {}),
      ]);
      patience.abort();
    },
  };
}

type Settlement =
  | { readonly type: 'event'; readonly event: LogEvent }
  | { readonly type: 'action_done' }
  | { readonly type: 'again' }
  | { readonly type: 'set_aside'; readonly reason: string };
const ACTION_DONE = { type: 'action_done' } as const;
const AGAIN = { type: 'again' } as const;
const SET_ASIDE = { type: 'set_aside' } as const;

function deadLetter(task: Task): Settlement {
  if (task.kind === 'action') return { ...SET_ASIDE, reason: 'dead letter' };
  const message = `given up after ${task.attempts - 1} runs that never settled`;
  return crash(task, { name: 'DeadLetter', message, code: 'dead_letter' });
}

/** The machine threw at every attempt to take the result: it is told so, as a crash of the service. */
function givenUp(task: Task, error: unknown): Settlement {
  if (task.kind === 'action') return { ...SET_ASIDE, reason: String(error) };
  const { message } = describeError(error);
  return crash(task, { name: 'StepThrew', message, code: 'step_threw' });
}

function crash(task: Task, error: ServiceError): Settlement {
  return { type: 'event', event: serviceCrash(task.name, error) };
}

function isSameRun(one: Task, other: Task): boolean {
  return (
    one.run === other.run &&
    one.stream === other.stream &&
    one.kind === other.kind &&
    one.name === other.name
  );
}

function stoppedError(task: Task): Error {
  return new DOMException(`${task.src} of ${task.stream} was stopped`, 'AbortError');
}

function idOf(stream: StreamId, name: string): string {
  return `${stream}\n${name}`;
}
