import {
  type ServiceError,
  serviceCrash,
  serviceResult,
} from '../../machines/durable/event-names.ts';
import type { Json } from '../../machines/json.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction, StreamId, Task } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { HostedMachine, ServiceRun } from './definition.ts';
import type { Lease } from './lease.ts';
import type { OpenWork } from './work.ts';

const DEFAULT_CONCURRENCY = 4;
const STORAGE_RETRY_MS = 1_000;

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
  /** Whether another run of this source may begin here. */
  hasSlot(machine: HostedMachine, kind: Task['kind'], src: string): boolean;
  /** Keeps a slot for a claim that is not durable yet; call the result once it is, or failed. */
  reserve(machine: HostedMachine, src: string): () => void;
  /** What this machine's sources could run now. */
  runnable(machine: HostedMachine): readonly string[];
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
  /** A slot fell free. */
  onSlot(): void;
}): Runs {
  const { clock, logger, lease } = options;
  const running = new Map<string, Running>();
  const counts = new Map<string, number>();
  let closed = false;

  function hasSlot(machine: HostedMachine, kind: Task['kind'], src: string): boolean {
    if (closed) return false;
    if (kind === 'action') return machine.actions?.[src] !== undefined;
    const service = machine.services[src];
    if (kind !== 'invoke' || service === undefined || service.ready?.() === false) return false;
    const count = counts.get(`${machine.id}/${src}`) ?? 0;
    return count < (service.concurrency ?? DEFAULT_CONCURRENCY);
  }

  function start(machine: HostedMachine, task: Task): void {
    const id = idOf(task.stream, task.name);
    running.get(id)?.controller.abort(stoppedError(task));
    const controller = new AbortController();
    const release = reserve(machine, task.src);
    const done = run(machine, task, controller).finally(() => {
      release();
      if (running.get(id)?.controller === controller) running.delete(id);
      if (!closed) options.onSlot();
    });
    running.set(id, { task, controller, done });
  }

  function reserve(machine: HostedMachine, src: string): () => void {
    const slot = `${machine.id}/${src}`;
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
    return () => void counts.set(slot, (counts.get(slot) ?? 1) - 1);
  }

  async function run(
    machine: HostedMachine,
    task: Task,
    controller: AbortController,
  ): Promise<void> {
    const { signal } = controller;
    const lent: ServiceRun = {
      stream: task.stream,
      idempotencyKey: `${task.stream}:${task.name}:${task.run}`,
      signal,
      rerun: task.attempts > 1,
      send: async (event) => {
        signal.throwIfAborted();
        const stood = await options.decide((work) => {
          const holds = work.tx.tasks.holds(task, lease.runner);
          if (holds) work.send(task.stream, event);
          return holds;
        });
        if (!stood) controller.abort(stoppedError(task));
        signal.throwIfAborted();
      },
    };
    const settle =
      task.attempts > options.maxRuns
        ? deadLetter(task)
        : task.kind === 'action'
          ? await runAction(machine, task, lent)
          : await runService(machine, task, lent);
    if (signal.aborted || settle === undefined) return;
    await settleDurably(task, signal, settle);
  }

  async function runService(
    machine: HostedMachine,
    task: Task,
    lent: ServiceRun,
  ): Promise<Settlement | undefined> {
    try {
      const output = await machine.services[task.src]?.run(task.input, lent);
      return serviceResult(task.name, output ?? null);
    } catch (error) {
      if (lent.signal.aborted) return undefined;
      logger.error('a service threw', { stream: task.stream, service: task.src, error });
      return serviceCrash(task.name, describe(error));
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
      await sleep(clock, STORAGE_RETRY_MS * 2 ** Math.min(task.attempts, 6), lent.signal).catch(
        () => {},
      );
      return AGAIN;
    }
  }

  /** What a service found is precious (bytes may be sent): storage that fails is tried again while the run stands. */
  async function settleDurably(
    task: Task,
    signal: AbortSignal,
    settlement: Settlement,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        await options.decide((work) => applySettlement(work, task, settlement));
        return;
      } catch (error) {
        if (closed) return;
        logger.error('a result could not be stored', { stream: task.stream, error });
        if (!(error instanceof LadingError)) {
          // The step itself threw: a bug of the machine in this state. Set the task aside, the others go on.
          await options
            .decide((work) => work.tx.tasks.bury(task, String(error)))
            .catch((cause: unknown) => logger.error('a task could not be set aside', { cause }));
          return;
        }
        await sleep(clock, STORAGE_RETRY_MS, signal).catch(() => {});
      }
    }
  }

  function applySettlement(work: OpenWork, task: Task, settlement: Settlement): void {
    if (settlement === AGAIN) {
      if (work.tx.tasks.holds(task, lease.runner)) {
        work.tx.tasks.put({ ...task, attempts: task.attempts, runner: null });
      }
      return;
    }
    if (settlement === DEAD_ACTION) {
      work.tx.tasks.bury(task, 'dead letter');
      return;
    }
    if (!work.tx.tasks.settle(task, lease.runner)) return;
    if (settlement !== ACTION_DONE) work.deliver(task.stream, settlement.type, settlement.payload);
  }

  return {
    hasSlot,
    reserve,
    start,
    stop(stream, name) {
      const found = running.get(idOf(stream, name));
      if (found === undefined) return;
      running.delete(idOf(stream, name));
      found.controller.abort(stoppedError(found.task));
    },
    runnable: (machine) => [
      ...Object.keys(machine.services).filter((src) => hasSlot(machine, 'invoke', src)),
      ...Object.keys(machine.actions ?? {}),
    ],
    get size() {
      return running.size;
    },
    async close() {
      closed = true;
      const all = [...running.values()];
      for (const { controller, task } of all) controller.abort(stoppedError(task));
      await Promise.allSettled(all.map(({ done }) => done));
    },
  };
}

type Settlement =
  | { readonly type: string; readonly payload: { readonly [key: string]: Json } }
  | typeof ACTION_DONE
  | typeof AGAIN
  | typeof DEAD_ACTION;
const ACTION_DONE = { type: 'host.action_done', payload: {} } as const;
const AGAIN = { type: 'host.again', payload: {} } as const;
const DEAD_ACTION = { type: 'host.dead_action', payload: {} } as const;

function deadLetter(task: Task): Settlement {
  if (task.kind === 'action') return DEAD_ACTION;
  return serviceCrash(task.name, {
    name: 'DeadLetter',
    message: `given up after ${task.attempts - 1} runs that never settled`,
    code: 'dead_letter',
  });
}

function describe(error: unknown): ServiceError {
  const found = error instanceof Error ? error : new Error(String(error));
  const code = (found as { readonly code?: unknown }).code;
  return {
    name: found.name,
    message: found.message.slice(0, 500),
    code: typeof code === 'string' ? code : null,
  };
}

function stoppedError(task: Task): Error {
  return new DOMException(`${task.src} of ${task.stream} was stopped`, 'AbortError');
}

function idOf(stream: StreamId, name: string): string {
  return `${stream}\n${name}`;
}

/** Claims up to `limit` waiting or orphaned tasks of `machine` for `lease`'s runner. */
export function claimWaiting(
  tx: StoreTransaction,
  machine: HostedMachine,
  srcs: readonly string[],
  now: number,
  limit: number,
  lease: Lease,
): readonly Task[] {
  return tx.tasks
    .claimable(srcs, now, limit)
    .filter((task) => tx.log.head(task.stream)?.machine === machine.id)
    .filter((task) => tx.tasks.claim(task, task.runner, lease.runner))
    .map((task) => ({ ...task, attempts: task.attempts + 1, runner: lease.runner }));
}
