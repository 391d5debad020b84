/** Stops a scheduled call; harmless when it already ran. */
export type Cancel = () => void;

/** Time, and waiting. The engine knows no other source of either. */
export interface Clock {
  /** Milliseconds since 1970. May jump in either direction. */
  now(): number;
  /**
   * Calls `run` once, `delayMs` later by elapsed time (0: after the current turn of the event loop).
   * @param options `background`: it alone should not keep a process alive.
   */
  schedule(delayMs: number, run: () => void, options?: { readonly background?: boolean }): Cancel;
}

/** Longest delay a JavaScript timer takes; longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. Its timers do not keep a process alive when `unref` is set. */
export function systemClock(options: { readonly unref?: boolean } = {}): Clock {
  return {
    now: () => Date.now(),
    schedule(delayMs, run, { background = false } = {}) {
      if (delayMs <= 0 && typeof setImmediate === 'function') {
        const immediate = setImmediate(run);
        return () => clearImmediate(immediate);
      }
      const timer = setTimeout(run, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
      if ((options.unref === true || background) && typeof timer === 'object') timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Resolves after `delayMs` on `clock`; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
