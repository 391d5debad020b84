import type { Cancel, Clock } from '../../ports/clock.ts';

/**
 * Results that come one shortly after the other wait for each other, so that one commit stores them: a sync to disk takes
 * longer than the rest of a small upload does.
 */
export interface Company {
  /** Resolves when enough others have come, or after a moment; at once when nobody else is to come. */
  join(isAlone: boolean): Promise<void>;
  /** Nobody waits any longer. */
  close(): void;
}

/** How long the first one waits; what shows states can not tell it from the time that a commit takes. */
const PATIENCE_MS = 5;

/** @param most so many wait at most. */
export function createCompany(clock: Clock, most: () => number): Company {
  let waiting: (() => void)[] = [];
  let cancel: Cancel | undefined;
  let closed = false;

  function go(): void {
    cancel?.();
    cancel = undefined;
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  }

  return {
    join: (isAlone) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (closed || isAlone || waiting.length >= most()) go();
        else cancel ??= clock.schedule(PATIENCE_MS, go);
      }),
    close() {
      closed = true;
      go();
    },
  };
}
