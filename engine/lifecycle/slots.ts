import type { Cancel, Clock } from '../../ports/clock.ts';

/** How many uploads this runner has under way, of how many at most (contract 3.4). */
export interface UploadSlots {
  readonly total: number;
  readonly used: number;
  /**
   * Whether one more could begin now, as screens see it: between two uploads a slot falls free for a moment, and all
   * that wait for one must not flicker.
   */
  readonly free: boolean;
  /** Runs `work` in a slot and gives the slot back. */
  use<T>(work: () => Promise<T>): Promise<T>;
  /** Called each time a slot falls free. */
  onRelease(listener: () => void): void;
  /** Called when {@link UploadSlots.free} changes. */
  onChange(listener: () => void): void;
  close(): void;
}

/** How long a slot must stay free before it is shown as free. */
const CALM_MS = 100;

export function createUploadSlots(total: number, clock: Clock): UploadSlots {
  let used = 0;
  let free = true;
  let cancelCalm: Cancel | undefined;
  const released: (() => void)[] = [];
  const changed: (() => void)[] = [];

  function setFree(next: boolean): void {
    cancelCalm?.();
    cancelCalm = undefined;
    if (free === next) return;
    free = next;
    for (const listener of changed) listener();
  }

  return {
    total,
    get used() {
      return used;
    },
    get free() {
      return free;
    },
    async use(work) {
      used += 1;
      if (used >= total) setFree(false);
      try {
        return await work();
      } finally {
        used -= 1;
        if (!free && used < total) cancelCalm ??= clock.schedule(CALM_MS, () => setFree(true));
        for (const listener of released) listener();
      }
    },
    onRelease: (listener) => void released.push(listener),
    onChange: (listener) => void changed.push(listener),
    close() {
      cancelCalm?.();
      released.length = 0;
      changed.length = 0;
    },
  };
}
