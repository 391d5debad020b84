import type { MediaId } from '../../machines/attachment/types.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { Part } from '../../ports/part.ts';
import { isClosed } from '../host/faults.ts';
import { GIVEN_UP, queuedJobs } from './holders.ts';
import { ATTACHMENT } from './hosted.ts';
import { interruptUploads, TROUBLE_PAUSE_MS } from './interruptions.ts';
import type { Retried, Scheduler, SchedulerParts } from './scheduler.ts';
import { openSources } from './services-on-demand.ts';

/** Brings the part that sends and cleans up when there is something to do for it, and interrupts without it. */
export interface Uploads {
  /**
   * Takes up what the last process left: interrupts runs whose gate is closed before it resolves, then retries what
   * failed and can be retried.
   */
  start(): Promise<void>;
  /** Asks for a retry of all that waits or failed and can be retried. @throws {LadingError} `part_not_loaded`. */
  retryAll(): Promise<Retried>;
  /** The host looked for tasks to run while their part is not here: loads it if there are any. */
  readonly look: () => void;
  /** Resolves when no look, load, interruption or retry is under way. */
  idle(): Promise<void>;
  close(): void;
}

/** Runs something that nobody awaits, and keeps `idle` waiting for it. */
export type Track = (what: string, work: () => Promise<void>) => Promise<void>;

export interface UploadsParts
  extends Omit<SchedulerParts, 'track' | 'traffic' | 'queue' | 'queueTable'> {
  /** Makes the scheduler, in the same part as the services. */
  scheduler(track: Track): Part<Scheduler>;
}

export function createUploads(parts: UploadsParts): Uploads {
  const { host, events, tables, accountId, gates, clock, logger } = parts;
  const underWay = new Set<Promise<void>>();
  const part = parts.scheduler(track);
  let bringing = false;
  let begun = false;
  /** The last load failed. */
  let lacking = false;
  let cancelLook: Cancel | undefined;
  let looking = false;
  let closed = false;

  function track(what: string, work: () => Promise<void>): Promise<void> {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        if (!closed && !isClosed(error)) logger.error(what, { error });
      })
      .finally(() => underWay.delete(running));
    underWay.add(running);
    return running;
  }

  /** Something to send, to fetch or to clean up that could begin now, or that a timer will begin. */
  function hasWork(): boolean {
    return events.read(
      (tx) =>
        queuedJobs(tx, tables, accountId, gates, 1).length > 0 ||
        tx.tasks.claimable(ATTACHMENT, openSources(gates), clock.now(), 1).length > 0 ||
        tx.tasks.timers(ATTACHMENT, 1).length > 0,
    );
  }

  /** Gives the scheduler work; loads it first where there is some. What could not be loaded is as good as offline. */
  function fill(): void {
    if (closed || bringing) return;
    if (part.here !== undefined) part.here.fill();
    else {
      void track('work could not be looked for', async () => {
        if (lacking || hasWork()) await bring();
      });
    }
  }

  /** Only somebody's asking moves these, and a start is one (contract 4.5). */
  function hasGivenUp(): boolean {
    return events.read((tx) =>
      GIVEN_UP.some((situation) => tables.jobs(tx, accountId, situation, 1).length > 0),
    );
  }

  function begin(scheduler: Scheduler): void {
    if (begun) return;
    begun = true;
    scheduler.fill(); // what waits for nobody goes first
    scheduler.retryGivenUp();
  }

  /** The part is here, whoever asked for it. */
  function arrived(scheduler: Scheduler): void {
    lacking = false;
    if (closed) return;
    gates.setReachable(true);
    host.wake();
    begin(scheduler);
  }

  function look(): void {
    if (looking) return;
    looking = true;
    // It may be in the middle of a commit.
    queueMicrotask(() => {
      looking = false;
      fill();
    });
  }

  async function bring(): Promise<void> {
    bringing = true;
    try {
      arrived(await part());
    } catch (error) {
      // Tried again when anything asks for it: a commit, the link, `retrySync`, and the host's every look.
      if (!lacking) logger.warn('uploads wait: a part of Lading could not be loaded', { error });
      lacking = true;
      if (!closed) gates.setReachable(false);
    }
    bringing = false;
    if (!lacking) fill();
  }

  function interrupt(): Promise<void> {
    return track('uploads could not be interrupted', async () => {
      let nextLookMs: number | undefined = TROUBLE_PAUSE_MS;
      try {
        nextLookMs = await interruptUploads(parts);
      } finally {
        cancelLook?.();
        if (!closed && nextLookMs !== undefined) cancelLook = clock.schedule(nextLookMs, react);
      }
    });
  }

  /** The gates changed, or may have. */
  function react(): void {
    if (closed) return;
    if (gates.remoteOpen()) host.wake(); // downloads and removals go on while uploads are paused
    if (gates.uploadsOpen() || lacking) fill();
    // What may go over any link goes on; what may not ends (contract 2).
    if (!gates.uploadsOpen(true)) void interrupt();
  }

  function close(): void {
    closed = true;
    cancelLook?.();
    part.here?.close();
  }

  gates.subscribe(react);
  host.onElsewhere(react);
  host.subscribe((changes) => {
    // A step that worked: whatever was wrong with it is over.
    for (const { stream } of changes) gates.broken.delete(stream as string as MediaId);
    if (changes.some(({ machine }) => machine === ATTACHMENT)) fill();
  });

  return {
    async start() {
      try {
        if (!gates.uploadsOpen(true)) await interrupt();
        if (part.here !== undefined) begin(part.here);
        else if (hasWork() || hasGivenUp()) await bring();
        fill();
      } catch (error) {
        close(); // it does not open: nothing may go on
        throw error;
      }
    },
    async retryAll() {
      const scheduler = part.here ?? (await part());
      if (lacking || !begun) arrived(scheduler);
      return scheduler.retryAll();
    },
    look,
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close,
  };
}
