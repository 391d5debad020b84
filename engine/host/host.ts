import { v7 as uuidv7 } from 'uuid';
import type { JsonObject } from '../../machines/json.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoredEvent, StreamId } from '../../ports/event-store.ts';
import { type Logger, silentLogger } from '../../ports/logger.ts';
import type { Random } from '../../ports/random.ts';
import type { Change, HostedMachine, MachineEvent, SendOutcome, StateView } from './definition.ts';
import { createLease, type LeaseOptions } from './lease.ts';
import { claimWaiting, createRuns } from './runs.ts';
import { createSnapshotCache } from './snapshots.ts';
import { createTimers } from './timers.ts';
import { type AfterCommit, type OpenWork, openWork, type Work } from './work.ts';

export interface HostOptions {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly machines: readonly HostedMachine[];
  readonly logger?: Logger;
  readonly lease?: LeaseOptions;
  /** Streams kept in memory. Default 512. */
  readonly cacheSize?: number;
  /** Claims after which a task that never settled is a dead letter. Default 12. */
  readonly maxRuns?: number;
  /** Told at named points between two durable steps; for crash tests. */
  readonly crashPoint?: (name: CrashPoint) => void;
}

/** Where a crash differs: between the commit and what follows from it. */
export type CrashPoint = 'decided' | 'committed' | 'effects_started' | 'service_settled';

/** Keeps machines durable: events before effects, timers and services that survive a kill (design 2). */
export interface Host {
  /**
   * Begins a stream of a registered machine. Durable when it resolves.
   * @throws {LadingError} `stream_exists`, `unknown_machine`, and what the store throws.
   */
  create(stream: StreamId, machine: string, input: JsonObject, key?: string): Promise<SendOutcome>;
  /**
   * Steps a stream. Durable when it resolves; an event that the state does not handle is ignored, not logged.
   * @throws {LadingError} `not_found`, `invalid_event`, and what the store throws.
   */
  send(stream: StreamId, event: MachineEvent, key?: string): Promise<SendOutcome>;
  /** Several steps, of one or more streams, and the app's rows, in one commit (design 2). */
  transact<T>(decision: (work: Work) => T): Promise<T>;
  /** The committed state, or undefined when there is no such stream. */
  state(stream: StreamId): (StateView & { readonly version: number }) | undefined;
  history(stream: StreamId): readonly StoredEvent[];
  /** Calls `listener` after each commit that changed streams; a throw in it is logged and changes nothing. */
  subscribe(listener: (changes: readonly Change[]) => void): Cancel;
  /** Takes up waiting tasks: a service became ready, or a lease may have run out. */
  wake(): void;
  /** This runner's id, as task rows name their holder. */
  readonly runner: string;
  /** Services and actions running in this process now. */
  readonly running: number;
  /** Streams in memory. */
  readonly cached: number;
  /** Stops services, gives back the lease and waits for commits under way. Does not close the store. */
  close(): Promise<void>;
}

/**
 * Opens a host on a store. Recovery is the normal start: tasks that are left are claimed and run, timers armed.
 * @throws {LadingError} `machine_refused` when a machine uses what cannot be kept durable.
 */
export async function openHost(options: HostOptions): Promise<Host> {
  const { store, clock, random } = options;
  const logger = options.logger ?? silentLogger;
  const crashPoint = options.crashPoint ?? (() => {});
  const machines = new Map(options.machines.map((machine) => [machine.id, machine]));
  const cache = createSnapshotCache(options.cacheSize ?? 512);
  const lease = createLease(
    uuidv7({ msecs: clock.now(), random: random.bytes(16) }),
    clock,
    options.lease ?? {},
  );
  const listeners = new Set<(changes: readonly Change[]) => void>();
  let closed = false;
  let cancelTick: Cancel | undefined;
  let pumping: Promise<void> | undefined;
  let pumpAgain = false;

  const runs = createRuns({
    clock,
    logger,
    lease,
    maxRuns: options.maxRuns ?? 12,
    decide,
    onSlot: () => wake(),
  });
  const timers = createTimers({ store, clock, logger, decide });

  async function decide<T>(decision: (work: OpenWork) => T): Promise<T> {
    if (closed) throw new LadingError('closed', 'The host was closed.');
    const reserved: (() => void)[] = [];
    try {
      return await decideWith(decision, reserved);
    } finally {
      for (const release of reserved) release();
    }
  }

  async function decideWith<T>(
    decision: (work: OpenWork) => T,
    reserved: (() => void)[],
  ): Promise<T> {
    const { result, work } = await store.transact((tx) => {
      const open = openWork(tx, {
        machines,
        cache,
        stamp: () => ({ at: clock.now(), jitter: random.next() }),
        claimer(inTx, machine, kind, src) {
          if (kind === 'timer' || closed || !runs.hasSlot(machine, kind, src)) return null;
          lease.ensure(inTx);
          reserved.push(runs.reserve(machine, src));
          return lease.runner;
        },
      });
      const decided = decision(open);
      open.finish();
      crashPoint('decided');
      return { result: decided, work: open };
    });
    crashPoint('committed');
    afterCommit(work);
    return result;
  }

  function afterCommit(work: OpenWork): void {
    if (work.changes.length === 0 && work.afterCommit.length === 0) return;
    for (const [stream, loaded] of work.loaded) {
      if ((cache.get(stream)?.version ?? 0) <= loaded.version) cache.set(stream, loaded);
    }
    let arm = false;
    work.afterCommit.forEach((owed, index) => {
      if (owed.type === 'arm') arm = true;
      else if (owed.type === 'stop') runs.stop(owed.stream, owed.name);
      else if (!closed && !isUndone(owed, work.afterCommit.slice(index + 1))) {
        runs.start(owed.machine, owed.task);
      }
    });
    crashPoint('effects_started');
    for (const listener of listeners) {
      try {
        listener(work.changes);
      } catch (error) {
        logger.error('a subscriber threw', { error });
      }
    }
    if (arm && !closed) timers.arm();
  }

  function wake(): void {
    if (closed) return;
    if (pumping !== undefined) {
      pumpAgain = true;
      return;
    }
    pumping = pump()
      .catch((error: unknown) => logger.error('waiting tasks could not be claimed', { error }))
      .finally(() => {
        pumping = undefined;
        if (pumpAgain) {
          pumpAgain = false;
          wake();
        }
      });
  }

  /** Claims waiting and orphaned tasks while there are slots for them. */
  async function pump(): Promise<void> {
    for (const machine of machines.values()) {
      for (const src of runs.runnable(machine)) {
        await pumpSource(machine, src);
      }
    }
  }

  async function pumpSource(machine: HostedMachine, src: string): Promise<void> {
    const free = machine.services[src]?.concurrency ?? 4;
    const waiting = store.read((tx) => tx.tasks.claimable([src], clock.now(), free));
    if (waiting.length === 0 || closed) return;
    const claimed = await decide((work) => {
      if (!runs.runnable(machine).includes(src)) return [];
      lease.ensure(work.tx);
      return claimWaiting(work.tx, machine, [src], clock.now(), free, lease);
    });
    for (const task of claimed) if (!closed) runs.start(machine, task);
  }

  async function tick(): Promise<void> {
    const others = store
      .read((tx) => tx.runners.all())
      .some(({ runner }) => runner !== lease.runner);
    if (others || (runs.size > 0 && lease.needsRenewal())) {
      await decide((work) => {
        if (runs.size > 0) lease.ensure(work.tx);
        if (others) lease.reap(work.tx);
      });
    }
    wake();
    timers.arm();
  }

  function scheduleTick(): void {
    if (closed) return;
    cancelTick = clock.schedule(lease.leaseMs / 3, () => {
      tick()
        .catch((error: unknown) => logger.error('the lease could not be renewed', { error }))
        .finally(scheduleTick);
    });
  }

  await tick();
  scheduleTick();

  return {
    create: (stream, machine, input, key) =>
      decide((work) => work.create(stream, machine, input, key)),
    send: (stream, event, key) => decide((work) => work.send(stream, event, key)),
    transact: (decision) => decide(decision),
    state: (stream) =>
      store.read((tx) =>
        openWork(tx, {
          machines,
          cache,
          stamp: () => ({ at: 0, jitter: 0 }),
          claimer: () => null,
        }).peek(stream),
      ),
    history: (stream) => store.read((tx) => tx.log.read(stream)),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    wake,
    runner: lease.runner,
    get running() {
      return runs.size;
    },
    get cached() {
      return cache.size;
    },
    async close() {
      if (closed) return;
      timers.stop();
      cancelTick?.();
      await runs.close();
      await pumping;
      closed = true;
      await store.transact((tx) => lease.end(tx));
    },
  };
}

/** A start that a later step of the same decision took back. */
function isUndone(start: Extract<AfterCommit, { type: 'start' }>, later: readonly AfterCommit[]) {
  return later.some(
    (other) =>
      other.type === 'stop' && other.stream === start.task.stream && other.name === start.task.name,
  );
}
