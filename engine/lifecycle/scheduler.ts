import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import type { GateKeeper } from './gates.ts';
import { queuedJobs, uploadsUnderWay } from './holders.ts';
import { asStream } from './lists.ts';
import type { UploadSlots } from './slots.ts';

/** Gives free slots to queued attachments, oldest first, while nothing is in the way (contract 3.4, 4.7). */
export interface Scheduler {
  /**
   * Takes up what the last process left: interrupts runs whose gate is closed before it resolves, then retries what
   * failed and can be retried.
   */
  start(): Promise<void>;
  /** Looks whether something can begin. */
  fill(): void;
  /** Asks for a retry of all that waits or failed and can be retried; says how many took it (contract 4.7). */
  retryAll(): Promise<number>;
  /** Queued attachments that cannot be started, since a step of theirs throws. */
  readonly broken: ReadonlySet<MediaId>;
  /** Resolves when no look, interruption or retry is under way. */
  idle(): Promise<void>;
  close(): void;
}

/** Attachments asked to retry in one go; they share a commit. */
const RETRY_BATCH = 64;
const ALL = Number.MAX_SAFE_INTEGER;
/** Storage that was in trouble is tried again after this. */
const TROUBLE_PAUSE_MS = 5_000;
const SHORTEST_LOOK_MS = 1_000;
/** What only somebody's asking moves; a new start is one (contract 4.5). */
const AT_START: readonly JobSituation[] = [
  'failed',
  'awaitingCredentials',
  'leftover',
  'removeAwaitingCredentials',
];
/** And what would move by itself, later. */
const AT_RETRY: readonly JobSituation[] = [...AT_START, 'waiting', 'removeWaiting', 'purgeWaiting'];

export function createScheduler(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly clock: Clock;
  readonly logger: Logger;
}): Scheduler {
  const { host, events, tables, accountId, gates, slots, clock, logger } = parts;
  /** Attachments whose step throws: a bug must not hold the queue (contract 4.6). */
  const broken = new Set<MediaId>();
  const underWay = new Set<Promise<void>>();
  const waits = new Map<'fill' | 'interrupt', Cancel>();
  let filling = false;
  let again = false;
  let closed = false;

  /** Runs something that nobody awaits, and keeps `idle` waiting for it. */
  function track(what: string, work: () => Promise<void>): Promise<void> {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        if (!closed && !isClosed(error)) logger.error(what, { error });
      })
      .finally(() => underWay.delete(running));
    underWay.add(running);
    return running;
  }

  function later(what: 'fill' | 'interrupt', delayMs: number, run: () => void): void {
    waits.get(what)?.();
    if (closed) return;
    waits.set(
      what,
      clock.schedule(delayMs, () => {
        waits.delete(what);
        run();
      }),
    );
  }

  function fill(): void {
    again = true;
    if (filling || closed) return;
    filling = true;
    void track('the queue could not be read', async () => {
      try {
        while (again && !closed) {
          again = false;
          await startNext();
        }
      } catch (error) {
        later('fill', TROUBLE_PAUSE_MS, fill);
        throw error;
      } finally {
        filling = false;
      }
    });
  }

  /** What may begin beside what this runner has under way, or takes over from one that is gone. */
  function room(tx: StoreTransaction): number {
    const now = clock.now();
    const mine = uploadsUnderWay(tx, tables, { accountId, runner: host.runner, now }).filter(
      ({ foreignUntil }) => foreignUntil === null,
    );
    return Math.max(0, slots.total - Math.max(slots.used, mine.length));
  }

  async function startNext(): Promise<void> {
    if (!gates.uploadsOpen() || slots.used >= slots.total) return;
    const next = events.read((tx) => {
      const free = room(tx);
      if (free === 0) return [];
      return queuedJobs(tx, tables, accountId, gates, free + broken.size)
        .filter((mediaId) => !broken.has(mediaId))
        .slice(0, free);
    });
    // One commit carries them all; a step that throws takes only itself back.
    await Promise.all(next.map(startOne));
  }

  function isUnmetered(tx: StoreTransaction, mediaId: MediaId): boolean {
    return tables.media(tx, mediaId)?.facts.unmetered === true;
  }

  async function startOne(mediaId: MediaId): Promise<void> {
    try {
      await host.transact((work) => {
        // Asked again in the commit: what begins now is seen by an interruption, and counted by the next start.
        if (!gates.uploadsOpen(isUnmetered(work.tx, mediaId)) || room(work.tx) === 0) return;
        work.send(asStream(mediaId), { type: 'upload.started' });
      });
    } catch (error) {
      if (closed || isClosed(error)) return;
      logger.error('an upload could not be started', { mediaId, error });
      if (isStorageTrouble(error)) later('fill', TROUBLE_PAUSE_MS, fill);
      else broken.add(mediaId);
    }
  }

  /** A run whose gate is closed is interrupted: nothing shows `uploading` that nobody uploads (contract 2). */
  async function interrupt(): Promise<void> {
    const look = { accountId, runner: host.runner, now: clock.now() };
    const found = events.read((tx) => uploadsUnderWay(tx, tables, look));
    const mine = found.filter(({ foreignUntil, unmetered }) => {
      return foreignUntil === null && !gates.uploadsOpen(unmetered);
    });
    const results = await Promise.allSettled(mine.map(({ mediaId }) => interruptOne(mediaId)));
    const failures = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failures) {
      if (!closed && !isClosed(reason)) {
        logger.error('an upload could not be interrupted', { error: reason as unknown });
      }
    }
    // One that another runner holds is its own business, until its lease ends.
    const leases = found.flatMap(({ foreignUntil }) => foreignUntil ?? []);
    const nextLookMs = [
      ...(leases.length === 0 ? [] : [Math.min(...leases) - clock.now()]),
      ...(failures.length === 0 ? [] : [TROUBLE_PAUSE_MS]),
    ];
    if (nextLookMs.length > 0) {
      later('interrupt', Math.max(SHORTEST_LOOK_MS, Math.min(...nextLookMs)), react);
    }
  }

  async function interruptOne(mediaId: MediaId): Promise<void> {
    await host.transact((work) => {
      const look = { accountId, runner: host.runner, now: clock.now() };
      const found = uploadsUnderWay(work.tx, tables, look).find((one) => one.mediaId === mediaId);
      if (found === undefined || found.foreignUntil !== null) return;
      if (gates.uploadsOpen(found.unmetered)) return;
      const { online, paused } = gates.current();
      const reason = online ? (paused ? 'paused' : 'metered') : 'offline';
      work.send(asStream(mediaId), { type: 'upload.interrupted', reason });
    });
  }

  /** The gates changed, or may have. */
  function react(): void {
    if (closed) return;
    if (gates.uploadsOpen()) {
      host.wake();
      fill();
    }
    // What may go over any link goes on; what may not ends (contract 2).
    if (!gates.uploadsOpen(true)) void track('uploads could not be interrupted', interrupt);
  }

  async function retry(situations: readonly JobSituation[]): Promise<number> {
    const ids = events.read((tx) =>
      situations.flatMap((situation) => tables.jobs(tx, accountId, situation, ALL)),
    );
    let retried = 0;
    for (let at = 0; at < ids.length && !closed; at += RETRY_BATCH) {
      const batch = ids.slice(at, at + RETRY_BATCH);
      const found = events.read((tx) =>
        batch.filter((id) => tables.media(tx, id)?.facts.error?.retryable !== false),
      );
      const taken = await Promise.all(found.map(retryOne));
      retried += taken.filter(Boolean).length;
    }
    return retried;
  }

  /** One that cannot be stepped must not keep the others from their retry (field case 24). */
  async function retryOne(mediaId: MediaId): Promise<boolean> {
    try {
      const { outcome } = await host.send(asStream(mediaId), { type: 'retry.requested' });
      return outcome === 'changed';
    } catch (error) {
      if (closed || isClosed(error)) throw error;
      logger.error('an upload could not be retried', { mediaId, error });
      return false;
    }
  }

  gates.subscribe(react);
  host.onElsewhere(react);
  slots.onRelease(fill);
  host.subscribe((changes) => {
    // A step that worked: whatever was wrong with it is over.
    for (const { stream } of changes) broken.delete(stream as string as MediaId);
    if (changes.some(({ machine }) => machine === 'attachment')) fill();
  });

  return {
    async start() {
      if (!gates.uploadsOpen(true)) await track('uploads could not be interrupted', interrupt);
      void track('failed uploads could not be retried', async () => {
        await retry(AT_START);
      });
      fill();
    },
    fill,
    async retryAll() {
      broken.clear();
      const count = await retry(AT_RETRY);
      fill();
      return count;
    },
    broken,
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close() {
      closed = true;
      for (const cancel of waits.values()) cancel();
    },
  };
}
