import type { Cancel, Clock } from '../../../ports/clock.ts';

/** Notices when nothing moves. Watches bytes, not total time: a slow link is not a dead one (field case 34). */
export interface StallWatch {
  /** Something moved: starts the wait over. */
  readonly alive: () => void;
  /** Nobody waits for the network now, until the next `alive`. */
  readonly pause: () => void;
  /** For good. */
  readonly stop: () => void;
}

/** Calls `onStall` once, `stallMs` after the last sign of life. It begins paused. */
export function watchStall(clock: Clock, stallMs: number, onStall: () => void): StallWatch {
  let cancel: Cancel | undefined;
  let stopped = false;
  const pause = (): void => {
    cancel?.();
    cancel = undefined;
  };
  return {
    alive() {
      pause();
      if (stopped) return;
      cancel = clock.schedule(stallMs, () => {
        stopped = true;
        onStall();
      });
    },
    pause,
    stop() {
      stopped = true;
      pause();
    },
  };
}
