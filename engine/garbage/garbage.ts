import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Part } from '../../ports/part.ts';
import { isClosed } from '../host/faults.ts';
import type { Collector } from './collector.ts';
import type { CollectOptions } from './options.ts';
import type { GarbageReport } from './report.ts';

/** Garbage collection as an open Lading has it: by schedule, and when it is asked for. */
export interface Garbage {
  /** One run at a time; who asks during one waits for it. */
  collect(options?: CollectOptions): Promise<GarbageReport>;
  start(): void;
  close(): void;
}

/** After opening: what the app does first comes first. */
const FIRST_AFTER_MS = 30_000;

export function createGarbage(parts: {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `Infinity`: never by schedule. */
  readonly everyMs: number;
  readonly collector: Part<Collector>;
}): Garbage {
  const { clock, logger, collector } = parts;
  let last: Promise<unknown> = Promise.resolve();
  let cancel: Cancel | undefined;
  let closed = false;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  }

  function next(afterMs: number): void {
    if (closed || !Number.isFinite(parts.everyMs)) return;
    cancel = clock.schedule(Math.min(afterMs, parts.everyMs), tick, { background: true });
  }

  function tick(): void {
    inTurn(async () => (await collector()).collectIfDue()).then(next, (error: unknown) => {
      // Nothing was removed that a later run could not have removed: it says why, and tries again.
      if (!closed && !isClosed(error)) logger.error('garbage could not be collected', { error });
      next(parts.everyMs);
    });
  }

  return {
    collect: (options) => inTurn(async () => (await collector()).collect(options)),
    start: () => next(FIRST_AFTER_MS),
    close() {
      closed = true;
      cancel?.();
    },
  };
}
