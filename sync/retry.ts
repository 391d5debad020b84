import { backoffMs } from '../machines/attachment/backoff.ts';
import { defaultPolicy } from '../machines/attachment/context.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/** When to try again: jitter × min(60 s, 2 s × 2ⁿ), like every other backoff here (contract 4.5). */
export interface Retry {
  /** Counts a failure and calls `run` when its delay is over. */
  fail(run: () => void): void;
  /** Forgets failures and what is scheduled. */
  reset(): void;
  readonly waiting: boolean;
  readonly failures: number;
}

export function createRetry(clock: Clock, random: Random): Retry {
  let failures = 0;
  let cancel: Cancel | undefined;
  const stop = (): void => {
    cancel?.();
    cancel = undefined;
  };
  return {
    fail(run) {
      stop();
      const delayMs = backoffMs(failures, defaultPolicy, random.next(), null);
      failures += 1;
      cancel = clock.schedule(delayMs, () => {
        cancel = undefined;
        run();
      });
    },
    reset() {
      stop();
      failures = 0;
    },
    get waiting() {
      return cancel !== undefined;
    },
    get failures() {
      return failures;
    },
  };
}
