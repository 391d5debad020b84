import type { Cancel, Clock } from '../../ports/clock.ts';

/**
 * Results that come one shortly after the other wait for each other, so that one commit stores them: a sync to disk takes
 * longer than the rest of a small upload does.
 */
export interface Company {
  /** Resolves when enough others have come, or after a moment; at once when nobody else is to come. */
  join(): Promise<void>;
  /** Something has moved: perhaps nobody else is to come any more, or a moment is over whose timer is held back. */
  look(): void;
  /** Nobody waits any longer. */
  close(): void;
}

/** How long the first one waits; what shows states can not tell it from the time that a commit takes. */
const PATIENCE_MS = 5;
/**
 * A timer that takes so long is held back, as a hidden tab's is, to a second or a minute
 * (https://developer.chrome.com/blog/timer-throttling-in-chrome-88): nobody waits until one comes in time again.
 */
const LATE_MS = 50;

/**
 * @param most so many wait at most.
 * @param mayCome whether somebody else is to come who is worth waiting for.
 */
export function createCompany(clock: Clock, most: () => number, mayCome: () => boolean): Company {
  let waiting: (() => void)[] = [];
  let cancel: Cancel | undefined;
  let armedAt = 0;
  let isLate = false;
  let closed = false;

  function go(): void {
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  }

  function disarm(): void {
    cancel?.();
    cancel = undefined;
  }

  function arm(): void {
    if (cancel !== undefined) return;
    armedAt = clock.now();
    cancel = clock.schedule(PATIENCE_MS, () => {
      cancel = undefined;
      isLate = isOverdue();
      go();
    });
  }

  function isOverdue(): boolean {
    return Math.abs(clock.now() - armedAt) > LATE_MS;
  }

  function look(): void {
    if (waiting.length === 0) return;
    isLate ||= cancel !== undefined && isOverdue();
    const waits = !closed && !isLate && waiting.length < most() && mayCome();
    if (!waits) go();
    // Where timers are held back, one of them tells when they no longer are.
    if (!closed && (waits || isLate)) arm();
    else disarm();
  }

  return {
    join: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        look();
      }),
    look,
    close() {
      closed = true;
      disarm();
      go();
    },
  };
}
