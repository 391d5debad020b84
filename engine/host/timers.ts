import { timerElapsed } from '../../machines/durable/event-names.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, Task } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { OpenWork } from './work.ts';

const BATCH = 64;
/** A wake-up is never further away: clocks jump, and other processes write timers too. */
const LONGEST_WAIT_MS = 60_000;

/** Durable timers: rows with a due time; this wakes for the next one (design 2). */
export interface Timers {
  /** Looks again for what is due next. */
  arm(): void;
  stop(): void;
}

export function createTimers(options: {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly logger: Logger;
  decide<T>(decision: (work: OpenWork) => T): Promise<T>;
}): Timers {
  const { store, clock, logger } = options;
  /** Timers begun in what is now the future: the clock went back. They wait their delay by elapsed time. */
  const skewed = new Map<string, number>();
  const failures = new Map<string, number>();
  let cancel: Cancel | undefined;
  let firing = false;
  let stopped = false;

  function arm(): void {
    if (stopped || firing) return;
    cancel?.();
    const now = clock.now();
    const { found, nextDueAt } = store.read((tx) => ({
      found: tx.tasks.timers(now, BATCH),
      nextDueAt: tx.tasks.nextDueAt(now),
    }));
    const waits = found.map((task) => waitOf(task, now));
    if (waits.some((wait) => wait <= 0)) {
      const due = found.filter((_, index) => (waits[index] as number) <= 0);
      cancel = clock.schedule(0, () => void fire(due));
      return;
    }
    const next = Math.min(LONGEST_WAIT_MS, ...waits, (nextDueAt ?? Number.POSITIVE_INFINITY) - now);
    cancel = nextDueAt === undefined && waits.length === 0 ? undefined : clock.schedule(next, arm);
  }

  function waitOf(task: Task, now: number): number {
    if (task.dueAt <= now) return 0;
    const id = idOf(task);
    const delayMs = task.dueAt - task.startedAt;
    const fireAt = Math.min(skewed.get(id) ?? Number.POSITIVE_INFINITY, now + delayMs);
    skewed.set(id, fireAt);
    return fireAt - now;
  }

  async function fire(due: readonly Task[]): Promise<void> {
    firing = true;
    await Promise.all(due.map(fireOne));
    firing = false;
    arm();
  }

  async function fireOne(task: Task): Promise<void> {
    const { type, payload } = timerElapsed(task.src);
    try {
      await options.decide((work) => {
        if (work.tx.tasks.settle(task)) work.deliver(task.stream, type, payload);
      });
      failures.delete(idOf(task));
      skewed.delete(idOf(task));
    } catch (error) {
      if (stopped) return;
      logger.error('a timer could not be delivered', { stream: task.stream, type, error });
      await setAside(task, error);
    }
  }

  /** A timer whose step throws is a bug of the machine: it must not stop the others (contract 4.6). */
  async function setAside(task: Task, error: unknown): Promise<void> {
    const count = (failures.get(idOf(task)) ?? 0) + 1;
    failures.set(idOf(task), count);
    const storage = error instanceof LadingError;
    if (storage || count < 3) {
      // Storage trouble passes; wait before the next look instead of spinning.
      await new Promise<void>((resolve) => void clock.schedule(1_000, resolve));
      return;
    }
    await options
      .decide((work) => work.tx.tasks.bury(task, String(error)))
      .catch((cause: unknown) => logger.error('a timer could not be set aside', { cause }));
  }

  return {
    arm,
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}

function idOf(task: Task): string {
  return `${task.stream}\n${task.name}\n${task.run}`;
}
