import type { Cancel, Clock } from '../../../ports/clock.ts';

/**
 * Notices when nothing moves. Watches bytes, not total time: a slow link is not a dead one (field case 34). Of an answer it
 * also watches that it comes to an end.
 */
export interface StallWatch {
  /** Something moved: starts the wait over. */
  readonly alive: () => void;
  /** Bytes of an answer came. Each is worth a millisecond beyond the silence that is borne: a dribble has an end, too. */
  readonly answering: (bytes: number) => void;
  /** Nobody waits for the network now, until the next `alive`. */
  readonly pause: () => void;
  /** For good. */
  readonly stop: () => void;
}

/**
 * Calls `onStall` once, `stallMs` after the last sign of life. It begins paused.
 * @param answerMs how long an answer may take from its first byte on, beside what its bytes are worth.
 */
export function watchStall(
  clock: Clock,
  stallMs: number,
  onStall: () => void,
  answerMs = stallMs,
): StallWatch {
  let cancelSilence: Cancel | undefined;
  let cancelAnswer: Cancel | undefined;
  let earnedMs = 0;
  let stopped = false;
  const waitForSound = (): void => {
    cancelSilence?.();
    if (!stopped) cancelSilence = clock.schedule(stallMs, stall);
  };
  const waitForAnswer = (forMs: number): void => {
    earnedMs = 0;
    cancelAnswer = clock.schedule(forMs, () => (earnedMs > 0 ? waitForAnswer(earnedMs) : stall()));
  };
  const pause = (): void => {
    cancelSilence?.();
    cancelAnswer?.();
    cancelAnswer = undefined;
  };
  const stop = (): void => {
    stopped = true;
    pause();
  };
  function stall(): void {
    stop();
    onStall();
  }
  return {
    alive() {
      pause();
      waitForSound();
    },
    answering(bytes) {
      waitForSound();
      if (cancelAnswer === undefined && !stopped) waitForAnswer(answerMs);
      earnedMs += bytes;
    },
    pause,
    stop,
  };
}
