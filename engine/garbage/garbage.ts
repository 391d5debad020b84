import type { MediaId } from '../../machines/attachment/types.ts';
import { type Cancel, type Clock, sleep } from '../../ports/clock.ts';
import type { StreamId } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Change } from '../host/definition.ts';
import { isClosed } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import type { Collector } from './collector.ts';
import type { CollectOptions } from './options.ts';
import type { GarbageReport } from './report.ts';

/** Garbage collection as an open Lading has it: by schedule, and when it is asked for. */
export interface Garbage {
  /** One run at a time; who asks during one waits for it. */
  collect(options?: CollectOptions): Promise<GarbageReport>;
  /**
   * The app's roots hold what they hold: now, whenever something was released, and before a timer ends what nobody else
   * holds; that one waits while they cannot be read. To be called before the first timer.
   */
  watchRoots(host: Pick<Host, 'subscribe' | 'beforeTimers'>): Promise<void>;
  /** Begins the first run, where one is due. */
  start(): void;
  /** Resolves when no run is under way; one that was is ended by Lading's end. */
  close(): Promise<void>;
}

export function createGarbage(parts: {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `Infinity`: never by schedule. */
  readonly everyMs: number;
  readonly collector: Collector;
}): Garbage {
  const { clock, logger, collector, everyMs } = parts;
  let last: Promise<unknown> = Promise.resolve();
  let cancel: Cancel | undefined;
  let closed = false;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  }

  function next(afterMs: number): void {
    if (closed || !Number.isFinite(everyMs)) return;
    cancel = clock.schedule(Math.min(afterMs, everyMs), () => void tick(), { background: true });
  }

  async function run(): Promise<number> {
    try {
      return await inTurn(() => collector.collectIfDue());
    } catch (error) {
      // Nothing was removed that a later run could not remove: it says why, and tries again.
      if (!closed && !isClosed(error)) logger.error('garbage could not be collected', { error });
      return everyMs;
    }
  }

  async function tick(): Promise<void> {
    next(await run());
  }

  const due = new Set<MediaId>();
  let looking: Promise<void> | undefined;

  /**
   * One look for all that ask in the same turn: each reads all roots. Not in turn with runs: a long one must not keep
   * what was just released from its roots.
   */
  function holdThis(stream: StreamId): Promise<void> {
    due.add(stream as string as MediaId);
    looking ??= sleep(clock, 0).then(() => {
      const only = new Set(due);
      due.clear();
      looking = undefined;
      return collector.holdRoots(only);
    });
    return looking;
  }

  function logUnreadable(error: unknown): void {
    if (!closed && !isClosed(error)) logger.error('the roots could not be read', { error });
  }

  return {
    collect: (options) => inTurn(() => collector.collect(options)),
    async watchRoots(host) {
      host.subscribe((changes) => {
        for (const change of changes.filter(isRelease)) {
          void holdThis(change.stream).catch(logUnreadable);
        }
      });
      host.beforeTimers(({ type, stream }) => (ENDS.has(type) ? holdThis(stream) : undefined));
      await collector.holdRoots().catch(logUnreadable);
    },
    start: () => void tick(),
    async close() {
      closed = true;
      cancel?.();
      await last;
    },
  };
}

/** Timers that end an attachment which no ref holds. */
const ENDS: ReadonlySet<string> = new Set(['draftGrace.elapsed', 'undoGrace.elapsed']);

function isRelease({ before, after }: Change): boolean {
  return isReleased(after) && (before === null || !isReleased(before));
}

function isReleased({ value }: Change['after']): boolean {
  return (value as { readonly reference?: unknown }).reference === 'released';
}
