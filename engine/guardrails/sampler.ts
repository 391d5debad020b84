import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { StorageEstimate } from '../../ports/storage-estimate.ts';
import { type Sample, sampleOf } from './spaces.ts';
import { ANSWER_WITHIN_MS, CHECK_EVERY_MS } from './thresholds.ts';

/** What the platform said last. It may fail, hang and lie: then there is no sample, and nobody waits long for it. */
export interface Sampler {
  readonly sample: Sample | undefined;
  /** Asks now, and about every 30 s from now on (contract 7.2). Idempotent. */
  start(): void;
  /** Resolves when the first answer came, or is late. */
  first(signal?: AbortSignal): Promise<void>;
  /** Asks again; resolves when the answer came, or is late. */
  again(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * @param parts `ownBytes`: what attachments have on this device, those being written included. `onSample` is called
 *   after each answer, and when one fails to come.
 */
export function createSampler(parts: {
  readonly estimate: StorageEstimate;
  readonly clock: Clock;
  readonly logger: Logger;
  ownBytes(): number;
  onSample(): void;
}): Sampler {
  const { estimate, clock, logger } = parts;
  let sample: Sample | undefined;
  let asking: Promise<void> | undefined;
  let checking: Promise<void> | undefined;
  let isFirstOver = false;
  let isSilent = false;
  let isStuck = false;
  let closed = false;
  let cancelNext: Cancel | undefined;

  function learn(next: Sample | undefined, trouble?: unknown): void {
    if (closed) return;
    sample = next;
    // Once for each time that it begins: an estimate that never works would fill the log.
    if (trouble !== undefined && !isSilent) {
      logger.warn('the storage estimate failed: only the budget is held', { error: trouble });
    }
    isSilent = trouble !== undefined;
    try {
      parts.onSample();
      isStuck = false;
    } catch (error) {
      // It reads the database, which may be busy or broken just now, and nobody waits here who would hear of it.
      if (!isStuck) logger.error('what storage needs now could not be looked at', { error });
      isStuck = true;
    }
  }

  /** One question at a time; one that hangs is not asked again before it ends. */
  async function ask(): Promise<void> {
    let next: Sample | undefined;
    let trouble: unknown;
    try {
      const ownBytes = parts.ownBytes();
      next = sampleOf((await estimate.estimate()) ?? {}, ownBytes);
    } catch (error) {
      trouble = error;
    }
    learn(next, trouble);
  }

  async function check(): Promise<void> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    const isOver = await atMost(clock, asking);
    if (!isOver) learn(undefined, new Error('no answer'));
    isFirstOver = true;
  }

  async function again(signal?: AbortSignal): Promise<void> {
    checking ??= check().finally(() => {
      checking = undefined;
    });
    await atMost(clock, checking, signal);
  }

  function tick(): void {
    void again();
    cancelNext = clock.schedule(CHECK_EVERY_MS, tick, { background: true });
  }

  return {
    get sample() {
      return sample;
    },
    start() {
      if (cancelNext === undefined) tick();
    },
    first: async (signal) => (isFirstOver ? undefined : again(signal)),
    again,
    close() {
      closed = true;
      sample = undefined;
      cancelNext?.();
    },
  };
}

/** Resolves when `work` is over (true), and when it takes too long or `signal` aborts (false). `work` never rejects. */
function atMost(clock: Clock, work: Promise<void>, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (isOver: boolean): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
      resolve(isOver);
    };
    const onAbort = (): void => done(false);
    const cancel = clock.schedule(ANSWER_WITHIN_MS, onAbort, { background: true });
    signal?.addEventListener('abort', onAbort);
    void work.finally(() => done(true));
    if (signal?.aborted) onAbort();
  });
}
