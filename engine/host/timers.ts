import { timerElapsed } from '../../machines/durable/event-names.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { beganAt, jumpsBack } from '../../ports/clock-jumps.ts';
import type { EventStore, Task } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { isBug, pauseMs } from './faults.ts';
import type { BeforeTimer } from './host-api.ts';
import type { OpenWork } from './work.ts';

/** Timers of one machine that are watched at the same time; the rest are rows. */
const BATCH = 64;
/** Timers further away than this are looked at again when they are nearer; the host's tick looks for jumps of the clock. */
const HORIZON_MS = 60_000;
/** Throws of the machine in a row after which a timer is set aside. */
const MAX_FAILURES = 3;

/** Durable timers: rows with a due time; this wakes for the next ones (design 2). */
export interface Timers {
  /** Looks again, soon, for what is due next. Never throws. */
  arm(): void;
  stop(): void;
}

interface Watched {
  /** Undefined while it fires. */
  cancel: Cancel | undefined;
}

/**
 * A timer that is near is armed by elapsed time when it is first seen, so that a clock that jumps back does not
 * delay it; one that is due by the clock fires at once, so that a clock that jumps ahead does not either (contract
 * 4.5, field case 44).
 */
export function createTimers(options: {
  readonly store: EventStore;
  readonly clock: Clock;
  /** The clock itself, by which its jumps are known. */
  readonly given: Clock;
  readonly logger: Logger;
  readonly machines: readonly string[];
  decide<T>(decision: (work: OpenWork) => T): Promise<T>;
  /** Told before a due timer is delivered; for crash tests. */
  onDue(): void;
  /** Told when the clock went back: what was shown of waits names ends that are none any more. */
  onJump(): void;
  readonly beforeDue: BeforeTimer;
}): Timers {
  const { store, clock, logger } = options;
  const watched = new Map<string, Watched>();
  /** Timers whose step failed; they are looked at again after a pause, and do not stand before the others. */
  const paused = new Map<string, Cancel>();
  const failures = new Map<string, number>();
  let cancelSoon: Cancel | undefined;
  let cancelLook: Cancel | undefined;
  let jumps = jumpsBack(options.given);
  let stopped = false;

  function arm(): void {
    if (stopped) return;
    cancelSoon ??= clock.schedule(0, () => {
      cancelSoon = undefined;
      look();
    });
  }

  function look(): void {
    if (stopped) return;
    cancelLook?.();
    const before = jumps;
    jumps = jumpsBack(options.given);
    if (jumps > before) options.onJump();
    let nextLookMs: number | undefined;
    try {
      const now = clock.now();
      const found = near(now);
      for (const task of found) {
        const waitMs = waitOf(task);
        if (waitMs <= HORIZON_MS) watch(task, waitMs);
        else nextLookMs = Math.min(nextLookMs ?? waitMs, waitMs - HORIZON_MS);
      }
    } catch (error) {
      logger.error('timers could not be read', { error });
      nextLookMs = pauseMs(1);
    }
    cancelLook = nextLookMs === undefined ? undefined : clock.schedule(nextLookMs, look);
  }

  function near(now: number): readonly Task[] {
    const limit = BATCH + paused.size;
    const found = store.read((tx) =>
      options.machines.flatMap((machine) => [
        ...tx.tasks.timers(machine, limit),
        ...tx.tasks.skewedTimers(machine, now, limit),
      ]),
    );
    return found.filter((task) => !paused.has(idOf(task)));
  }

  function watch(task: Task, waitMs: number): void {
    const id = idOf(task);
    const known = watched.get(id);
    if (known !== undefined) {
      if (known.cancel === undefined || waitMs > 0) return;
      known.cancel();
    }
    const fire = (): void => {
      entry.cancel = undefined;
      void fireOne(task).finally(() => {
        watched.delete(id);
        arm();
      });
    };
    const entry: Watched = { cancel: undefined };
    watched.set(id, entry);
    if (waitMs > 0) entry.cancel = clock.schedule(waitMs, fire);
    else fire();
  }

  async function fireOne(task: Task): Promise<void> {
    if (stopped) return;
    const id = idOf(task);
    try {
      options.onDue();
      const { type, payload } = timerElapsed(task.src);
      const asked = options.beforeDue({ stream: task.stream, type });
      if (asked !== undefined) await asked;
      await options.decide((work) => {
        if (work.tx.tasks.settle(task)) work.deliver(task.stream, type, payload);
      });
      failures.delete(id);
    } catch (error) {
      if (stopped) return;
      logger.error('a timer could not be delivered', { stream: task.stream, src: task.src, error });
      const count = (failures.get(id) ?? 0) + 1;
      failures.set(id, count);
      if (isBug(error) && count >= MAX_FAILURES && (await setAside(task, error))) return;
      pause(id, pauseMs(count));
    }
  }

  /** A timer whose step throws is a bug of the machine: it must not stop the others (contract 4.6). */
  async function setAside(task: Task, reason: unknown): Promise<boolean> {
    try {
      await options.decide((work) => work.tx.tasks.bury(task, String(reason)));
      failures.delete(idOf(task));
      return true;
    } catch (error) {
      logger.error('a timer could not be set aside', { stream: task.stream, error });
      return false;
    }
  }

  function pause(id: string, forMs: number): void {
    const again = clock.schedule(forMs, () => {
      paused.delete(id);
      arm();
    });
    paused.set(id, again);
  }

  /** By elapsed time; a timer that began in what is now the future waits its delay and no longer. */
  function waitOf({ dueAt, startedAt }: Task): number {
    return Math.max(0, dueAt - startedAt + beganAt(options.given, startedAt) - clock.now());
  }

  return {
    arm,
    stop() {
      stopped = true;
      cancelSoon?.();
      cancelLook?.();
      for (const { cancel } of watched.values()) cancel?.();
      for (const cancel of paused.values()) cancel();
    },
  };
}

function idOf(task: Task): string {
  return `${task.stream}\n${task.name}\n${task.run}`;
}
