import type { CursorTable, OutboxQueue, OutboxRow } from '../ports/attachment-tables.ts';
import type { Backend } from '../ports/backend.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { Streams } from '../ports/streams.ts';
import { ANSWER_TIMEOUT_MS, bounded } from './bounded.ts';
import { createLane, type Lane } from './lane.ts';
import { type Answered, readPushAnswer } from './push-answer.ts';
import { isSignInRefused } from './refusals.ts';
import { createRetry } from './retry.ts';
import { type Settled, settle } from './settle.ts';
import { isStoreFailure } from './store-failure.ts';

/** What one round of pushing did. */
export interface PushReport {
  readonly pushed: number;
  readonly refused: number;
  /** False when ops that are due are left: there is no network, or the backend could not be reached. */
  readonly complete: boolean;
}

/** Brings the outbox to the backend: at least once, in the order written, one request at a time (contract 1). */
export interface Pusher {
  /** Begins to push by itself: now, after commits, when a removal's undo time is over, and after failures. */
  start(): void;
  /** Pushes all that is due, without regard to backoff. Never rejects: what failed is tried again later. */
  push(): Promise<PushReport>;
  /** The network changed: forgets backoff and looks again. */
  wake(): void;
  /** Ops that are not acknowledged, those that are held back included. */
  pending(): number;
  /** Nothing is due now, or it waits for the network or for backoff. */
  readonly idle: boolean;
  /** A request is under way. */
  readonly running: boolean;
  /** The last request failed. */
  readonly failing: boolean;
  /** Stops; answers that arrive later change nothing, and the ops are pushed again at the next start. */
  close(): Promise<void>;
}

export interface PusherOptions {
  readonly host: Streams;
  readonly events: Pick<EventStore, 'read'>;
  readonly outbox: OutboxQueue;
  readonly cursors: CursorTable;
  readonly backend: Pick<Backend, 'push'>;
  readonly accountId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  isOnline(): boolean;
  /** Ops in one request at most. Default 50; fewer after failures, in case it is the size that fails. */
  readonly batch?: number;
  /** Default 60,000. */
  readonly timeoutMs?: number;
  /** Shared with the puller of the same device. */
  readonly lane?: Lane;
  /** Told when `running` or `failing` may have changed. */
  onActivity?(): void;
  /** Told after each commit that settled ops. */
  onSettled?(settled: Pick<Settled, 'scopes' | 'reset'>): void;
}

/** A due time is looked at anew at least this often: the clock may have jumped. */
const LOOK_AGAIN_MS = 60_000;

/** After a look at the outbox that failed. */
const TROUBLE_PAUSE_MS = 5_000;

/** Failures in a row, the last of them of one op alone, after which it is put off. */
const ALONE_FAILURES = 9;
const PUT_OFF_MS = 5 * 60_000;
/** Short enough that a backend which was down for long gets all soon after it is back. */
const LONGEST_PUT_OFF_MS = 30 * 60_000;

export function createPusher(options: PusherOptions): Pusher {
  const { host, events, outbox, backend, accountId, clock, logger } = options;
  const lane = options.lane ?? createLane();
  const retry = createRetry(clock, options.random);
  const stopped = new AbortController();
  let running: Promise<PushReport> | undefined;
  let cancelTimer: Cancel | undefined;
  let unsubscribe: Cancel | undefined;
  let sent: readonly OutboxRow[] = [];

  const isClosed = (): boolean => stopped.signal.aborted;

  /** The next batch: fewer after failures, in case it is one op that fails; one that was put off goes alone. */
  function due(): readonly OutboxRow[] {
    const size = Math.max(1, Math.ceil((options.batch ?? 50) / 2 ** retry.failures));
    const rows = events.read((tx) => outbox.due(tx, accountId, clock.now(), size));
    const late = rows.findIndex(({ attempts }) => attempts > 0);
    return late < 0 ? rows : rows.slice(0, Math.max(1, late));
  }

  function dueInMs(): number | undefined {
    const now = clock.now();
    const dueAt = events.read((tx) => outbox.nextDueAt(tx, accountId, now));
    return dueAt === undefined ? undefined : dueAt - now;
  }

  /** Pushes until nothing is due. */
  async function drain(): Promise<PushReport> {
    let pushed = 0;
    let refused = 0;
    try {
      while (options.isOnline() && !isClosed()) {
        const settled = await lane.run(pushBatch).catch(async (error: unknown) => {
          await putOffIfAlone(error);
          throw error; // the next one waits all the same: it may be the backend that is down
        });
        if (settled === undefined) return { pushed, refused, complete: true };
        retry.reset();
        pushed += settled.pushed;
        refused += settled.refused.length;
      }
      return { pushed, refused, complete: !isClosed() && due().length === 0 };
    } catch (error) {
      if (!isClosed()) {
        logger.warn('ops could not be pushed', { error, failures: retry.failures });
        // Offline it waits for the network, and burns nothing.
        if (options.isOnline() && unsubscribe !== undefined) retry.fail(() => void run());
      }
      return { pushed, refused, complete: false };
    }
  }

  /** One op that fails alone, again and again, must not hold up the others for ever (contract 4.6). */
  async function putOffIfAlone(error: unknown): Promise<void> {
    const [row, ...others] = sent;
    if (row === undefined || others.length > 0 || !options.isOnline() || isClosed()) return;
    // Nor is it the op where the sign-in is not accepted: with new credentials it goes at once.
    if (isStoreFailure(error) || isSignInRefused(error)) return;
    if (row.attempts === 0 && retry.failures < ALONE_FAILURES) return;
    const delayMs = Math.min(LONGEST_PUT_OFF_MS, PUT_OFF_MS * 2 ** row.attempts);
    logger.error('an op is put off, so that others can go', { error, opId: row.opId, delayMs });
    await host.transact(({ tx }) => outbox.postpone(tx, row, clock.now() + delayMs));
  }

  async function pushBatch(): Promise<Settled | undefined> {
    const rows = due();
    sent = rows;
    if (rows.length === 0) return undefined;
    const ops = rows.map(({ opId, op }) => ({ opId, op }));
    const answer = await bounded<unknown>(
      clock,
      options.timeoutMs ?? ANSWER_TIMEOUT_MS,
      stopped.signal,
      (signal) => backend.push(ops, { signal }),
    );
    return settleAll(readPushAnswer(rows, answer));
  }

  async function settleAll(batch: readonly Answered[]): Promise<Settled> {
    const commit = (answered: readonly Answered[], silent: boolean): Promise<Settled> =>
      host.transact((work) => settle(work, options, { batch, answered, silent }));
    try {
      return tell(await commit(batch, false));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      logger.error('the answers to a push cannot be taken together', { error });
    }
    // One that cannot be taken must not hold up the others: its answer stands, and deltas will say the rest.
    const settled: Settled[] = [];
    for (const one of batch) {
      const alone = commit([one], false).catch((error: unknown) => {
        if (isStoreFailure(error)) throw error;
        logger.error('an attachment cannot take the answer to an op', {
          error,
          opId: one.row.opId,
          mediaId: one.row.mediaId,
        });
        return commit([one], true);
      });
      settled.push(tell(await alone));
    }
    return {
      pushed: settled.reduce((sum, { pushed }) => sum + pushed, 0),
      refused: settled.flatMap(({ refused }) => refused),
      scopes: settled.flatMap(({ scopes }) => scopes),
      reset: settled.flatMap(({ reset }) => reset),
    };
  }

  function tell(settled: Settled): Settled {
    for (const { row, result } of settled.refused) {
      logger.warn('the backend refused an op', { opId: row.opId, mediaId: row.mediaId, result });
    }
    options.onSettled?.(settled);
    return settled;
  }

  function run(): Promise<PushReport> {
    cancelTimer?.();
    if (running !== undefined) return running;
    running = drain().finally(() => {
      running = undefined;
      arm();
      options.onActivity?.();
    });
    options.onActivity?.();
    return running;
  }

  /** Sees to it that what is due, or will be, is pushed. Never throws: timers call it, commits, and the network. */
  function arm(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const isOwnMaster = unsubscribe !== undefined && !isClosed();
    if (!isOwnMaster || running !== undefined || retry.waiting || !options.isOnline()) return;
    try {
      const inMs = dueInMs();
      if (inMs === undefined) return;
      cancelTimer = clock.schedule(
        Math.max(0, Math.min(inMs, LOOK_AGAIN_MS)),
        inMs <= 0 ? () => void run() : arm,
      );
    } catch (error) {
      logger.warn('ops could not be looked for', { error });
      cancelTimer = clock.schedule(TROUBLE_PAUSE_MS, arm);
    }
  }

  return {
    start() {
      unsubscribe ??= host.subscribe(arm);
      arm();
    },
    async push() {
      retry.reset();
      // What is under way may have read the outbox before the caller's op was committed.
      while (running !== undefined) await running;
      return isClosed() ? { pushed: 0, refused: 0, complete: false } : run();
    },
    wake() {
      retry.reset();
      arm();
    },
    pending: () => events.read((tx) => outbox.count(tx, accountId)),
    get running() {
      return running !== undefined;
    },
    get failing() {
      return retry.failures > 0;
    },
    get idle() {
      if (running !== undefined) return false;
      return isClosed() || retry.waiting || !options.isOnline() || (dueInMs() ?? 1) > 0;
    },
    async close() {
      stopped.abort(new Error('sync was closed'));
      unsubscribe?.();
      cancelTimer?.();
      retry.reset();
      await running;
    },
  };
}
