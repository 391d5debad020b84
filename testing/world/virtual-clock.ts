import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

/** A clock of one device in virtual time: elapsed time is the world's, the wall time its own. */
export interface DeviceClock extends Clock {
  /** Moves what `now()` says, as a user or a time server does; what is scheduled stays where it was. */
  jump(byMs: number): void;
}

/** Virtual time: it stands still until somebody moves it, and the same calls always give the same order. */
export interface VirtualClock extends DeviceClock {
  /** Milliseconds since the clock was made; never goes back. */
  readonly elapsedMs: number;
  /** How many calls are scheduled. */
  readonly pending: number;
  /** Elapsed time of the next scheduled call, or undefined when there is none. */
  nextDueMs(): number | undefined;
  /** Moves to the next scheduled call, runs it and settles; false when there was none. */
  runNext(): Promise<boolean>;
  /** Runs all that is due up to `elapsedMs`, in order, and stands there. */
  advanceTo(elapsedMs: number): Promise<void>;
  advanceBy(byMs: number): Promise<void>;
  /**
   * Runs scheduled calls until `done` or nothing is left; returns whether `done` came true.
   * @throws {Error} after `maxRuns` (default 100,000) calls: something reschedules itself for ever.
   */
  runUntil(done: () => boolean, options?: { readonly maxRuns?: number }): Promise<boolean>;
  /** Lets all promise continuations run that can run; moves no time. */
  settle(): Promise<void>;
  /** Another device in the same world: same elapsed time, a wall clock of its own. */
  device(offsetMs?: number): DeviceClock;
}

export interface VirtualClockOptions {
  /** What `now()` says at the beginning. Default 2026-01-01T00:00:00Z. */
  readonly startAt?: number;
  /** Orders calls that are due at the same moment; without it, the one scheduled first runs first. */
  readonly tieBreak?: Random;
}

interface Scheduled {
  readonly dueMs: number;
  readonly tie: number;
  readonly order: number;
  readonly run: () => void;
}

const DEFAULT_START = Date.UTC(2026, 0, 1);

/** @returns a clock at `startAt` with nothing scheduled. */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const startAt = options.startAt ?? DEFAULT_START;
  const queue: Scheduled[] = [];
  let elapsedMs = 0;
  let scheduledSoFar = 0;

  const schedule = (delayMs: number, run: () => void): Cancel => {
    if (Number.isNaN(delayMs)) throw new TypeError('a delay must be a number');
    const entry: Scheduled = {
      dueMs: elapsedMs + Math.max(0, delayMs),
      tie: options.tieBreak?.next() ?? 0,
      order: scheduledSoFar++,
      run,
    };
    queue.splice(insertionIndex(queue, entry), 0, entry);
    return () => {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
    };
  };

  const device = (offsetMs = 0): DeviceClock => {
    let offset = offsetMs;
    return {
      now: () => startAt + elapsedMs + offset,
      jump(byMs) {
        offset += byMs;
      },
      schedule,
    };
  };

  const runNext = async (): Promise<boolean> => {
    await settle();
    const next = queue.shift();
    if (next === undefined) return false;
    elapsedMs = next.dueMs;
    next.run();
    await settle();
    return true;
  };

  const advanceTo = async (target: number): Promise<void> => {
    await settle();
    for (let next = queue[0]; next !== undefined && next.dueMs <= target; next = queue[0]) {
      await runNext();
    }
    elapsedMs = Math.max(elapsedMs, target);
    await settle();
  };

  return {
    ...device(),
    get elapsedMs() {
      return elapsedMs;
    },
    get pending() {
      return queue.length;
    },
    nextDueMs: () => queue[0]?.dueMs,
    runNext,
    advanceTo,
    advanceBy: (byMs) => advanceTo(elapsedMs + byMs),
    async runUntil(done, { maxRuns = 100_000 } = {}) {
      await settle();
      for (let runs = 0; !done(); runs++) {
        if (runs >= maxRuns)
          throw new Error(`${maxRuns} scheduled calls ran and nothing came of it`);
        if (!(await runNext())) return done();
      }
      return true;
    },
    settle,
    device,
  };
}

/** One real turn of the event loop: by then every microtask, and what microtasks queued, has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Where `entry` belongs in the ordered queue. */
function insertionIndex(queue: readonly Scheduled[], entry: Scheduled): number {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = queue[middle];
    if (other !== undefined && isBefore(other, entry)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  if (one.dueMs !== other.dueMs) return one.dueMs < other.dueMs;
  if (one.tie !== other.tie) return one.tie < other.tie;
  return one.order < other.order;
}
