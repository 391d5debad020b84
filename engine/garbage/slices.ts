import { type Clock, sleep } from '../../ports/clock.ts';

/** Most steps at a stretch, however short they are: the clock tells milliseconds only. */
const MOST_STEPS = 256;

/** Lets others have their turn between the steps of long work (contract 5.4). */
export interface Slices {
  /** After each step: waits a turn when this slice is used up. @throws the signal's reason when it is aborted. */
  breathe(): Promise<void>;
}

export function createSlices(clock: Clock, sliceMs: number, signal: AbortSignal): Slices {
  let beganAt = clock.now();
  let steps = 0;
  return {
    async breathe() {
      signal.throwIfAborted();
      steps += 1;
      const usedMs = clock.now() - beganAt;
      // A clock that went back must not make it endless.
      if (steps < MOST_STEPS && usedMs >= 0 && usedMs < sliceMs) return;
      await sleep(clock, 0, signal);
      beganAt = clock.now();
      steps = 0;
    },
  };
}
