import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation, UploadRow } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Part } from '../../ports/part.ts';
import type { QueuedJob, QueueName, QueueTable } from '../../ports/queue-table.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
import type { Queue } from '../scheduling/queue.ts';
import type { Traffic } from '../scheduling/traffic.ts';
import { asStream } from './as-stream.ts';
import type { Credentials } from './credentials.ts';

import type { GateKeeper } from './gates.ts';
import { GIVEN_UP, uploadsUnderWay } from './holders.ts';
import { ATTACHMENT } from './hosted.ts';
import { TROUBLE_PAUSE_MS } from './interruptions.ts';

/** Begins queued attachments, in the order of the queue, while nothing is in the way (contract 3.4, 4.6, 4.7). */
export interface Scheduler {
  /** Looks whether something can begin. */
  fill(): void;
  /** Asks for a retry of all that only somebody's asking moves. */
  retryGivenUp(): void;
  /** Asks for a retry of all that waits or failed and can be retried (contract 4.7). */
  retryAll(): Promise<Retried>;
  close(): void;
}

/** What "Retry sync" set in motion. */
export interface Retried {
  /** Attachments that waited or had failed, and try again now: uploads, and clean-ups. */
  readonly retried: number;
  /** Uploads that are under way or next, those among them. */
  readonly uploads: number;
}

/** Attachments asked to retry in one go; they share a commit. */
const RETRY_BATCH = 64;
/** And what would move by itself, later. */
const AT_RETRY: readonly JobSituation[] = [...GIVEN_UP, 'waiting', 'removeWaiting', 'purgeWaiting'];

export interface SchedulerParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly traffic: Traffic;
  readonly queue: Queue;
  readonly queueTable: Pick<QueueTable, 'after'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly credentials: Part<Pick<Credentials, 'doubt'>>;
  /** Runs something that nobody awaits. */
  track(what: string, work: () => Promise<void>): Promise<void>;
}

export function createScheduler(parts: SchedulerParts): Scheduler {
  const { host, events, tables, accountId, gates, traffic, queue, clock, logger } = parts;
  const { broken } = gates;
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
          await Promise.resolve(); // what shares a commit is told one after the other: the last one knows what has begun
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
      (row) => row.foreignUntil === null && isRunnable(row),
    );
    const ours = mine.filter(({ task }) => task?.runner === host.runner);
    return traffic.room(mine.length, ours.length);
  }

  /** What was set aside, or cannot be read, takes no room from the others (contract 4.6). */
  function isRunnable({ mediaId, task }: UploadRow): boolean {
    return task?.isBuried === false && !host.leavesAlone(asStream(mediaId));
  }

  /** Queues whose jobs the gates would let run. */
  function open(): readonly QueueName[] {
    if (!gates.mayStart()) return [];
    return gates.mayStart(true) ? ['queued', 'unmetered'] : ['queued'];
  }

  async function startNext(): Promise<void> {
    if (!traffic.mayHaveRoom() || !mayBegin()) return;
    const free = events.read((tx) => (hasNext(tx) ? room(tx) : 0));
    // One commit carries them all; a step that throws takes only itself back.
    await Promise.all(Array.from({ length: free }, startOne));
  }

  function mayBegin(): boolean {
    return !closed && !gates.remoteHeld() && open().length > 0;
  }

  function hasNext(tx: StoreTransaction): boolean {
    const limit = broken.size + 1;
    return open().some((name) =>
      tables.jobs(tx, accountId, name, limit).some((mediaId) => !broken.has(mediaId)),
    );
  }

  /** Chosen in the commit that claims it: who was begun a moment ago, here or elsewhere, is not chosen twice. */
  async function startOne(): Promise<void> {
    let chosen: MediaId | undefined;
    try {
      await host.transact((work) => {
        chosen = undefined;
        // What begins now is seen by an interruption, and counted by the next start.
        if (room(work.tx) === 0) return;
        chosen = queue.next(work.tx, open(), broken);
        if (chosen !== undefined) begin(work, chosen);
      });
    } catch (error) {
      if (closed || isClosed(error)) return;
      logger.error('an upload could not be started', { mediaId: chosen, error });
      if (chosen === undefined || !broken.has(chosen)) return later();
      again = true;
      traffic.show();
    }
  }

  /** One that throws is passed over at once: the next decision may be of the same commit. */
  function begin(work: Work, mediaId: MediaId): void {
    try {
      work.send(asStream(mediaId), { type: 'upload.started' });
    } catch (error) {
      if (!isStorageTrouble(error)) broken.add(mediaId);
      throw error;
    }
  }

  async function retry(situations: readonly JobSituation[]): Promise<number> {
    const jobs = events.read((tx) => tables.countJobs(tx, accountId));
    let retried = 0;
    for (const situation of situations) retried += await retryIn(situation, jobs[situation] ?? 0);
    return retried;
  }

  /** Page by page, as many as there were: what comes back meanwhile is behind them, and has its own time. */
  async function retryIn(situation: JobSituation, count: number): Promise<number> {
    let last: QueuedJob | undefined;
    let retried = 0;
    for (let left = count; left > 0 && !closed; ) {
      const limit = Math.min(left, RETRY_BATCH);
      const { page, found } = events.read((tx) => {
        const jobs = parts.queueTable.after(tx, accountId, situation, last, limit);
        const isRetryable = ({ mediaId }: QueuedJob): boolean =>
          tables.media(tx, mediaId)?.facts.error?.retryable !== false;
        return { page: jobs, found: jobs.filter(isRetryable) };
      });
      if (page.length === 0) break;
      const taken = await Promise.all(found.map(({ mediaId }) => retryOne(mediaId)));
      retried += taken.filter(Boolean).length;
      left -= page.length;
      last = page.at(-1);
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

  // The claim of the next one rides in the commit of the last one's result.
  host.onSettling((machine, src) => {
    if (machine === ATTACHMENT && (src === 'upload' || src === 'attach') && mayBegin()) {
      void parts.track('an upload could not be started', startOne);
    }
  });
  // One that ended without a commit told nobody that it makes room.
  host.onEnded(fill);
  traffic.onFree(fill);
  traffic.onRested(() => host.wake()); // removals wait for it, too

  return {
    fill,
    retryGivenUp() {
      void parts.track('failed uploads could not be retried', async () => {
        await retry(GIVEN_UP);
      });
    },
    async retryAll() {
      broken.clear();
      parts.credentials.here?.doubt();
      traffic.letOneThrough();
      const retried = await retry(AT_RETRY);
      fill();
      const jobs = events.read((tx) => tables.countJobs(tx, accountId));
      const onTheirWay = [...open(), 'uploading', 'attaching'];
      const uploads = onTheirWay.reduce((sum, situation) => sum + (jobs[situation] ?? 0), 0);
      return { retried, uploads };
    },
    close() {
      closed = true;
      cancelWait?.();
      traffic.close();
    },
  };
}
