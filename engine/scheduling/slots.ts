import type { Cancel, Clock } from '../../ports/clock.ts';

/** How many uploads this runner has under way, of how many at most (contract 3.4). */
export interface UploadLoad {
  /** The most at once, as the app said. */
  readonly total: number;
  /** How many the link takes now; never more than `total`. */
  limit: number;
  used: number;
}

/** What uploads run in, as many at a time as the link takes. */
export interface UploadSlots {
  /**
   * Whether one more could begin now, as screens see it: between two uploads a slot falls free for a moment, and all
   * that wait for one must not flicker.
   */
  readonly free: boolean;
  /** Uploads that were begun ahead, and wait for a slot. */
  readonly waiting: number;
  /**
   * Runs `work` in a slot as soon as there is one, and gives the slot back.
   * @param most so many may have a slot by then, if it is to begin at once; default as many as the link takes.
   * @returns undefined when there was none for a second, or `signal` was aborted first: nothing was done then.
   */
  use<T>(signal: AbortSignal, work: () => Promise<T>, most?: number): Promise<T | undefined>;
  /** What is under way stays so; no more begin than this. */
  setLimit(limit: number): void;
  close(): void;
}

/** How long a slot must stay free before it is shown as free. */
const CALM_MS = 100;
/** How long one waits for a slot and is shown as if it had one. */
const PATIENCE_MS = 1_000;

export function createUploadSlots(parts: {
  readonly load: UploadLoad;
  readonly clock: Clock;
  /** One more could begin. */
  onFree(): void;
  /** {@link UploadSlots.free} changed. */
  onShown(): void;
}): UploadSlots {
  const { load, clock } = parts;
  const waiting = new Set<() => void>();
  let free = true;
  let cancelCalm: Cancel | undefined;

  function setFree(next: boolean): void {
    cancelCalm?.();
    cancelCalm = undefined;
    if (free === next) return;
    free = next;
    parts.onShown();
  }

  function look(): void {
    for (const take of waiting) if (load.used < load.limit) take();
    if (load.used >= load.limit) setFree(false);
    else if (!free) cancelCalm ??= clock.schedule(CALM_MS, () => setFree(true));
  }

  /** Resolves with whether it has a slot. */
  function enter(signal: AbortSignal, most: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (has: boolean): void => {
        waiting.delete(take);
        cancelPatience?.();
        signal.removeEventListener('abort', giveUp);
        if (has) load.used += 1;
        resolve(has);
      };
      const take = (): void => done(true);
      const giveUp = (): void => done(false);
      let cancelPatience: Cancel | undefined;
      // Stopped on its way here, as while its bytes were read: a free slot is no reason to send them.
      if (signal.aborted) return giveUp();
      if (load.used < most) return take();
      waiting.add(take);
      signal.addEventListener('abort', giveUp);
      cancelPatience = clock.schedule(PATIENCE_MS, giveUp);
    });
  }

  return {
    get free() {
      return free;
    },
    get waiting() {
      return waiting.size;
    },
    async use(signal, work, most = load.limit) {
      if (!(await enter(signal, most))) return undefined;
      look();
      try {
        return await work();
      } finally {
        load.used -= 1;
        look();
        parts.onFree();
      }
    },
    setLimit(limit) {
      const grew = limit > load.limit;
      load.limit = limit;
      look();
      if (grew) parts.onFree();
    },
    close: () => cancelCalm?.(),
  };
}
