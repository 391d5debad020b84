import type { OwnerScope } from '../machines/attachment/types.ts';
import type { Backend, ChangeSignal } from '../ports/backend.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { Puller } from './puller.ts';
import { createRetry } from './retry.ts';

/** Keeps one scope in step with the backend: passes of the puller, and one listener (contract 8). */
export interface ScopeSync {
  /** One pass, and only then the listener. */
  resume(): void;
  /** No listener and no pass of its own any more; what is applied stays. */
  suspend(): void;
  /** The network changed: forgets backoff; one pass when it is back. */
  networkChanged(): void;
  /** Ops of this scope were acknowledged: what was held back on their account can be looked at. */
  settled(reset: boolean): void;
  /** Something was committed, here or in another process: what held rows wait for may have ended. */
  committed(): void;
  /** One pass from now on, also while suspended. */
  now(): Promise<{ readonly applied: number; readonly complete: boolean }>;
  readonly idle: boolean;
  /** A pass is under way. */
  readonly running: boolean;
  /** The last pass failed. */
  readonly failing: boolean;
  close(): Promise<void>;
}

export interface ScopeSyncOptions {
  readonly scope: OwnerScope;
  readonly puller: Puller;
  readonly backend: Pick<Backend, 'listen'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  isOnline(): boolean;
  /** Told when `running` or `failing` may have changed. */
  onActivity?(): void;
}

interface Passes {
  readonly applied: number;
  readonly complete: boolean;
}

export function createScopeSync(options: ScopeSyncOptions): ScopeSync {
  const { scope, puller, clock, logger } = options;
  const retry = createRetry(clock, options.random);
  /** Aborted when the app goes to the background or closes: a pass under way ends then. */
  let active: AbortController | undefined;
  let running: Promise<Passes> | undefined;
  let stopListening: Cancel | undefined;
  let latestSeq: number | undefined;
  let isWanted = false;
  let isHeld = false;
  const closed = new AbortController();

  function want(): void {
    isWanted = true;
    kick();
  }

  function kick(): void {
    if (active === undefined || !isWanted || retry.waiting || !options.isOnline()) return;
    void run(active.signal);
  }

  function run(signal: AbortSignal): Promise<Passes> {
    if (running !== undefined) return running;
    running = passes(signal).finally(() => {
      running = undefined;
      kick();
      options.onActivity?.();
    });
    options.onActivity?.();
    return running;
  }

  /** Pulls until nobody wants more; whatever is seen meanwhile makes one pass more. */
  async function passes(signal: AbortSignal): Promise<Passes> {
    let applied = 0;
    try {
      while (isWanted && options.isOnline() && !signal.aborted) {
        isWanted = false;
        const seenSeq = latestSeq;
        const report = await puller.pull(scope, {
          signal,
          ...(seenSeq === undefined ? {} : { seenSeq }),
        });
        retry.reset();
        applied += report.applied;
        isHeld = report.held;
        // It may have ended before its row was found held.
        if (puller.canGoOn(scope)) isWanted = true;
        // One pass from the beginning of this turn in the foreground, and only then the listener.
        if (active !== undefined && !isWanted) listen();
      }
    } catch (error) {
      isWanted = true;
      if (!signal.aborted) {
        logger.warn('deltas could not be pulled', { error, failures: retry.failures });
        if (active !== undefined && options.isOnline()) retry.fail(kick);
      }
    }
    return { applied, complete: !isWanted };
  }

  function listen(): void {
    if (stopListening !== undefined) return;
    let isOver = false;
    const cancel = options.backend.listen(scope, (signal) => {
      if (!isOver) onSignal(signal);
    });
    stopListening = () => {
      isOver = true;
      cancel();
    };
  }

  /** What cannot be read now is looked at by a pass, which is tried again until it can. */
  function isNews(look: () => boolean): boolean {
    try {
      return look();
    } catch (error) {
      logger.warn('whether there is news could not be read: deltas are pulled', { error });
      return true;
    }
  }

  function onSignal({ seq }: ChangeSignal): void {
    if (!Number.isSafeInteger(seq) || seq < 0) {
      logger.warn('a change-signal cannot be read', { seq });
      return;
    }
    latestSeq = seq;
    // Also a lower one is news: the backend may have been restored.
    if (running !== undefined || isNews(() => seq !== puller.seenSeq(scope))) want();
  }

  function suspend(): void {
    active?.abort(new Error('sync was suspended'));
    active = undefined;
    stopListening?.();
    stopListening = undefined;
    latestSeq = undefined;
    retry.reset();
  }

  return {
    resume() {
      if (closed.signal.aborted || active !== undefined) return;
      active = new AbortController();
      want();
    },
    suspend,
    networkChanged() {
      retry.reset();
      if (options.isOnline()) want();
    },
    settled(reset) {
      if (isHeld || reset || running !== undefined) want();
    },
    committed() {
      if (!isWanted && isNews(() => puller.canGoOn(scope))) want();
    },
    async now() {
      retry.reset();
      while (running !== undefined) await running;
      if (closed.signal.aborted || !options.isOnline()) return { applied: 0, complete: false };
      isWanted = true;
      return run(active?.signal ?? closed.signal);
    },
    get running() {
      return running !== undefined;
    },
    get failing() {
      return retry.failures > 0;
    },
    get idle() {
      if (running !== undefined) return false;
      return active === undefined || !isWanted || retry.waiting || !options.isOnline();
    },
    async close() {
      closed.abort(new Error('sync was closed'));
      suspend();
      await running;
    },
  };
}
