import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';
import type { GateKeeper } from './gates.ts';
import { GIVEN_UP, queuedJobs, uploadsUnderWay } from './holders.ts';
import { TROUBLE_PAUSE_MS } from './interruptions.ts';
import type { UploadSlots } from './slots.ts';

/** Gives free slots to queued attachments, oldest first, while nothing is in the way (contract 3.4, 4.7). */
export interface Scheduler {
  /** Looks whether something can begin. */
  fill(): void;
  /** Asks for a retry of all that only somebody's asking moves. */
  retryGivenUp(): void;
  /** Asks for a retry of all that waits or failed and can be retried; says how many took it (contract 4.7). */
  retryAll(): Promise<number>;
  /** Queued attachments that cannot be started, since a step of theirs throws. */
  readonly broken: ReadonlySet<MediaId>;
  /** A step of it worked: whatever was wrong with it is over. */
  repaired(mediaId: MediaId): void;
  close(): void;
}

/** Attachments asked to retry in one go; they share a commit. */
const RETRY_BATCH = 64;
const ALL = Number.MAX_SAFE_INTEGER;
/** And what would move by itself, later. */
const AT_RETRY: readonly JobSituation[] = [...GIVEN_UP, 'waiting', 'removeWaiting', 'purgeWaiting'];

export interface SchedulerParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs something that nobody awaits. */
  track(what: string, work: () => Promise<void>): Promise<void>;
}

export function createScheduler(parts: SchedulerParts): Scheduler {
  const { host, events, tables, accountId, gates, slots, clock, logger } = parts;
  /** Attachments whose step throws: a bug must not hold the queue (contract 4.6). */
  const broken = new Set<MediaId>();
  let cancelWait: Cancel | undefined;
  let filling = false;
  let again = false;
  let closed = false;

  function later(): void {
    cancelWait?.();
    if (!closed) cancelWait = clock.schedule(TROUBLE_PAUSE_MS, fill);
  }

  function fill(): void {
    again = true;
    if (filling || closed) return;
    filling = true;
    void parts.track('the queue could not be read', async () => {
      try {
        while (again && !closed) {
          again = false;
          await startNext();
        }
      } catch (error) {
        later();
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
      if (isStorageTrouble(error)) later();
      else broken.add(mediaId);
    }
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

  return {
    fill,
    retryGivenUp() {
      void parts.track('failed uploads could not be retried', async () => {
        await retry(GIVEN_UP);
      });
    },
    async retryAll() {
      broken.clear();
      const count = await retry(AT_RETRY);
      fill();
      return count;
    },
    broken,
    repaired: (mediaId) => void broken.delete(mediaId),
    close() {
      closed = true;
      cancelWait?.();
    },
  };
}
