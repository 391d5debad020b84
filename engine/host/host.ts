import type { Cancel, Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction, StreamId, Task } from '../../ports/event-store.ts';
import { silentLogger } from '../../ports/logger.ts';
import { made, type Part } from '../../ports/part.ts';
import { safely } from '../../ports/safely.ts';
import { uuid7 } from '../../ports/uuid7.ts';
import type { Change, HostedMachine } from './definition.ts';
import type { BeforeTimer, Host, HostOptions } from './host-api.ts';
import { createLease } from './lease.ts';
import { accepts, registered } from './registered.ts';
import { type Reservations, reservations } from './reservations.ts';
import type { Runs } from './runs.ts';
import { createSnapshotCache } from './snapshots.ts';
import type { Timers } from './timers.ts';
import { type AfterCommit, type OpenWork, openWork, type Work } from './work.ts';

export type { CrashPoint, Host, HostOptions } from './host-api.ts';

/** What runs tasks and timers: loaded at once, or when there is one. */
export interface Running {
  readonly part: Part<
    Pick<typeof import('./runs.ts'), 'createRuns'> &
      Pick<typeof import('./timers.ts'), 'createTimers'>
  >;
  /** Called at every look for tasks while it is not here; call `wake` once it is. */
  onMissing?(): void;
}

/**
 * Opens a host on a store. Recovery is the normal start: tasks that are left are claimed and run, timers armed.
 * @throws {LadingError} `machine_refused` when a machine uses what cannot be kept durable.
 */
export async function openHostWith(options: HostOptions, running: Running): Promise<Host> {
  const { store, random } = options;
  const clock = inWholeMs(options.clock);
  const logger = options.logger ?? silentLogger;
  const crashPoint = options.crashPoint ?? (() => {});
  const machines = registered(options.machines);
  const cache = createSnapshotCache(options.cacheSize ?? 512);
  const lease = createLease(uuid7(clock.now(), random), clock, options.lease ?? {});
  const listeners = new Set<(changes: readonly Change[]) => void>();
  const elsewhere = new Set<() => void>();
  const settling = new Set<(machine: string, src: string) => void>();
  const ended = new Set<() => void>();
  let seenPosition = -1;
  /** Streams that this version may not read, or that its services do not accept: their tasks stay rows. */
  const leftAlone = new Set<StreamId>();
  let closed = false;
  let closing: Promise<void> | undefined;
  let cancelTick: Cancel | undefined;
  let pumping: Promise<void> | undefined;
  let pumpAgain = false;
  /** Timers that waited for their part were armed when it came. */
  let isArmed = false;
  let beforeTimer: BeforeTimer | undefined;

  const runs: Part<Runs> = made(running.part, ({ createRuns }) =>
    createRuns({
      clock,
      logger,
      lease,
      maxRuns: options.maxRuns ?? 12,
      decide,
      state,
      onSlot: () => wake(),
      onEnded: () => tell(ended),
      onServiceSettled: () => crashPoint('service_settled'),
      onSettling: ({ machine, src }) => tell(settling, machine, src),
    }),
  );
  const timers: Part<Timers> = made(running.part, ({ createTimers }) =>
    createTimers({
      store,
      clock,
      given: options.clock,
      logger,
      machines: [...machines.keys()],
      decide,
      onDue: () => crashPoint('timer_due'),
      onJump: () => tell(elsewhere),
      beforeDue: (timer) => beforeTimer?.(timer),
    }),
  );

  function size(): number {
    return runs.here?.size ?? 0;
  }

  async function decide<T>(decision: (work: OpenWork) => T): Promise<T> {
    if (closed) throw new LadingError('closed', 'The host was closed.');
    const slots = reservations();
    try {
      return await decideWith(decision, slots);
    } catch (error) {
      if (slots.release() > 0) wake(); // what was refused a slot meanwhile may have it
      throw error;
    }
  }

  async function decideWith<T>(decision: (work: OpenWork) => T, slots: Reservations): Promise<T> {
    const { result, work } = await store.transact((tx) => {
      const open = openWork(tx, {
        machines,
        cache,
        stamp: () => ({ at: clock.now(), jitter: random.next() }),
        claimer(inTx, machine, task) {
          const here = runs.here;
          if (here === undefined || here.slots(machine, task.kind, task.src) <= 0) return null;
          if (!accepts(machine, task)) return null;
          lease.ensure(inTx);
          slots.add(here.reserve(machine, task));
          return lease.runner;
        },
      });
      const decided = decision(open);
      if (decided instanceof Promise) {
        decided.catch(() => {}); // it runs on after the decision is over, where it can only fail
        throw new TypeError('a decision must be synchronous: it returned a promise');
      }
      open.finish();
      crashPoint('decided');
      return { result: decided, work: open };
    });
    crashPoint('committed');
    slots.release(); // in the same turn in which the runs take them
    afterCommit(work);
    return result;
  }

  /** All is durable: whatever goes wrong here must not look like a failed decision. */
  function afterCommit(work: OpenWork): void {
    if (work.changes.length === 0 && work.afterCommit.length === 0) return;
    for (const [stream, loaded] of work.loaded) {
      if ((cache.get(stream)?.version ?? 0) <= loaded.version) cache.set(stream, loaded);
    }
    work.afterCommit.forEach((owed, index) => {
      if (owed.type === 'arm') timers.here?.arm();
      else if (owed.type === 'stop') runs.here?.stop(owed.stream, owed.name);
      else if (isUndone(owed, work.afterCommit.slice(index + 1))) wake();
      else if (closing === undefined) runs.here?.start(owed.machine, owed.task);
    });
    crashPoint('effects_started');
    tell(listeners, work.changes);
  }

  /** What a listener throws is its own: nothing that the host does depends on it. */
  function tell<Told extends readonly unknown[]>(
    told: ReadonlySet<(...args: Told) => void>,
    ...args: Told
  ): void {
    for (const listener of told) safely(logger, 'a subscriber threw', () => listener(...args));
  }

  /** Work that decides nothing: to look at streams. */
  function look(tx: StoreTransaction): OpenWork {
    return openWork(tx, {
      machines,
      cache,
      stamp: () => ({ at: 0, jitter: 0 }),
      claimer: () => null,
    });
  }

  function state(stream: StreamId): ReturnType<Host['state']> {
    return store.read((tx) => look(tx).peek(stream));
  }

  function pin(stream: StreamId): Cancel {
    const loaded = store.read((tx) => {
      const work = look(tx);
      work.peek(stream);
      return work.loaded.get(stream);
    });
    if (loaded === undefined) return () => {};
    const unpin = cache.pin(stream);
    cache.set(stream, loaded);
    return unpin;
  }

  function wake(): void {
    if (closing !== undefined) return;
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
    const { here } = runs;
    if (here === undefined) return running.onMissing?.();
    for (const machine of machines.values()) {
      const sources = here.runnable(machine);
      // Mostly there is nothing: one question instead of one for each source.
      if (!store.read((tx) => claimable(tx, machine, sources, 1)).length) continue;
      for (const { kind, src } of sources) await pumpSource(here, machine, kind, src);
    }
    if (!isArmed) timers.here?.arm();
    isArmed = true;
  }

  function claimable(
    { tasks }: StoreTransaction,
    { id }: HostedMachine,
    sources: readonly Pick<Task, 'src'>[],
    count: number,
  ): readonly Task[] {
    const names = sources.map(({ src }) => src);
    return tasks
      .claimable(id, names, clock.now(), count + leftAlone.size)
      .filter(({ stream }) => !leftAlone.has(stream));
  }

  async function pumpSource(
    here: Runs,
    machine: HostedMachine,
    kind: Task['kind'],
    src: string,
  ): Promise<void> {
    const waiting = (tx: StoreTransaction): readonly Task[] =>
      claimable(tx, machine, [{ src }], here.slots(machine, kind, src)).filter(
        (task) => task.kind === kind,
      );
    if (store.read(waiting).length === 0) return;
    const slots = reservations();
    try {
      const claimed = await decide((work) => {
        const mine: Task[] = [];
        for (const task of waiting(work.tx)) {
          if (here.slots(machine, kind, src) <= 0) break;
          if (!canRun(work, machine, task)) continue;
          lease.ensure(work.tx);
          if (!work.tx.tasks.claim(task, task.runner, lease.runner)) continue;
          slots.add(here.reserve(machine, task));
          mine.push({ ...task, attempts: task.attempts + 1, runner: lease.runner });
        }
        return mine;
      });
      if (claimed.length > 0) crashPoint('claimed');
      slots.release();
      for (const task of claimed) {
        // A decision of the same group may have stopped it: what is still held is ours to run.
        if (!store.read((tx) => tx.tasks.holds(task, lease.runner))) wake();
        else if (closing === undefined) here.start(machine, task);
      }
    } finally {
      slots.release();
    }
  }

  /**
   * A service of a stream that cannot be read could never bring its result home: do not begin it (contract 9.4).
   * Nor one that says it is not this host's.
   */
  function canRun(work: Work, machine: HostedMachine, task: Task): boolean {
    try {
      if (work.peek(task.stream) !== undefined && accepts(machine, task)) return true;
    } catch (error) {
      logger.error('a stream cannot be read', { stream: task.stream, error });
    }
    leftAlone.add(task.stream);
    return false;
  }

  async function tick(): Promise<void> {
    const { orphans, gone, stale } = store.read((tx) => ({
      // What it does not run it does not hold, unless it ran it once.
      orphans: runs.here?.reconcile(tx.tasks.held(lease.runner), (of) => tx.tasks.of(of)) ?? [],
      gone: lease.findGone(tx),
      stale: size() > 0 && lease.needsRenewal(tx),
    }));
    if (gone.length > 0) {
      const runners = gone.map(({ runner }) => runner);
      logger.info('runners are gone: their work is taken over', { runners });
    }
    if (orphans.length > 0 || gone.length > 0 || stale) {
      await decide(({ tx }) => {
        for (const task of orphans) tx.tasks.release(lease.runner, task);
        lease.dropGone(tx, gone);
        if (size() > 0) lease.ensure(tx);
      });
    }
    wake();
    timers.here?.arm();
    tellElsewhere();
  }

  function tellElsewhere(): void {
    const position = store.read((tx) => tx.log.lastPosition());
    if (position === seenPosition) return;
    seenPosition = position;
    tell(elsewhere);
  }

  function scheduleTick(): void {
    if (closing !== undefined) return;
    cancelTick = clock.schedule(lease.tickMs, () => {
      tick()
        .catch((error: unknown) => logger.error('the lease could not be renewed', { error }))
        .finally(scheduleTick);
    });
  }

  async function close(): Promise<void> {
    timers.here?.stop();
    cancelTick?.();
    await runs.here?.close();
    await pumping;
    closed = true;
    await store
      .transact((tx) => lease.end(tx))
      .catch((error: unknown) => logger.error('the lease could not be given back', { error }));
  }

  function end(): Promise<void> {
    closing ??= close();
    return closing;
  }

  await store.transact((tx) => {
    for (const machine of machines.keys()) tx.tasks.revive(machine);
  });
  try {
    await tick();
  } catch (error) {
    await end(); // nobody is given this host: it must run nothing
    throw error;
  }
  scheduleTick();

  return {
    create: (stream, machine, input, key) =>
      decide((work) => work.create(stream, machine, input, key)),
    send: (stream, event, key) => decide((work) => work.send(stream, event, key)),
    transact: (decision) => decide(decision),
    state,
    history: (stream) => store.read((tx) => tx.log.read(stream)),
    pin,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onElsewhere(listener) {
      elsewhere.add(listener);
      return () => void elsewhere.delete(listener);
    },
    onSettling(listener) {
      settling.add(listener);
      return () => void settling.delete(listener);
    },
    onEnded(listener) {
      ended.add(listener);
      return () => void ended.delete(listener);
    },
    beforeTimers(ask) {
      beforeTimer = ask;
    },
    wake,
    leavesAlone: (stream) => leftAlone.has(stream),
    runner: lease.runner,
    get running() {
      return size();
    },
    get cached() {
      return cache.size;
    },
    close: end,
  };
}

/** Times in the log are whole milliseconds. */
function inWholeMs(clock: Clock): Clock {
  return {
    now: () => Math.floor(clock.now()),
    schedule: (delayMs, run) => clock.schedule(delayMs, run),
  };
}

/** A start that a later step of the same decision took back: its slot, which others may have been refused, is free. */
function isUndone(start: Extract<AfterCommit, { type: 'start' }>, later: readonly AfterCommit[]) {
  return later.some(
    (other) =>
      other.type === 'stop' && other.stream === start.task.stream && other.name === start.task.name,
  );
}
