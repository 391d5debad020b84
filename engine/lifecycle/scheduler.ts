import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Host } from '../host/host.ts';
import type { GateKeeper } from './gates.ts';
import { asStream } from './lists.ts';
import type { UploadSlots } from './slots.ts';

/** Gives free slots to queued attachments, oldest first, while nothing is in the way (contract 3.4, 4.7). */
export interface Scheduler {
  /** Takes up what the last process left: failed but retryable uploads, and runs whose gate is closed. */
  start(): Promise<void>;
  /** Looks whether something can begin. */
  fill(): void;
  /** Asks for a retry of all that waits or failed and can be retried; says how many (contract 4.7). */
  retryAll(): Promise<number>;
  /** Resolves when no look is under way. */
  idle(): Promise<void>;
  close(): void;
}

const RETRY_LIMIT = 500;
const STRANDED_LIMIT = 500;

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
  const { host, events, tables, accountId, gates, slots, logger } = parts;
  /** Attachments whose step throws: a bug must not hold the queue (contract 4.6). */
  const broken = new Set<MediaId>();
  let filling: Promise<void> | undefined;
  let again = false;
  let closed = false;

  function fill(): void {
    again = true;
    filling ??= run().finally(() => {
      filling = undefined;
    });
  }

  async function run(): Promise<void> {
    while (again && !closed) {
      again = false;
      await startNext();
    }
  }

  async function startNext(): Promise<void> {
    if (!gates.uploadsOpen() || slots.free === 0) return;
    const next = events
      .read((tx) => tables.jobs(tx, accountId, 'queued', slots.free + broken.size))
      .filter((mediaId) => !broken.has(mediaId))
      .slice(0, slots.free);
    // One commit carries them all; a step that throws takes only itself back.
    await Promise.all(next.map(startOne));
  }

  async function startOne(mediaId: MediaId): Promise<void> {
    try {
      await host.send(asStream(mediaId), { type: 'upload.started' });
    } catch (error) {
      if (closed) return;
      broken.add(mediaId);
      logger.error('an upload could not be started', { mediaId, error });
    }
  }

  /** A run whose gate is closed is interrupted: nothing shows `uploading` that nobody uploads (contract 2). */
  async function interrupt(): Promise<void> {
    const reason = gates.current().online ? 'paused' : 'offline';
    const under = events.read((tx) => [
      ...tables.jobs(tx, accountId, 'uploading', STRANDED_LIMIT),
      ...tables.jobs(tx, accountId, 'attaching', STRANDED_LIMIT),
    ]);
    await Promise.all(
      under.map((mediaId) =>
        host.transact((work) => {
          const stream = asStream(mediaId);
          if (
            isMineOrNobodys(
              work.tx.tasks.of(stream).find(({ kind }) => kind === 'invoke')?.runner,
              work.tx.runners.all(),
            )
          ) {
            work.send(stream, { type: 'upload.interrupted', reason });
          }
        }),
      ),
    );
  }

  function isMineOrNobodys(
    holder: string | null | undefined,
    runners: readonly { readonly runner: string; readonly expiresAt: number }[],
  ): boolean {
    if (holder === null || holder === undefined || holder === host.runner) return true;
    const lease = runners.find(({ runner }) => runner === holder);
    return lease === undefined || lease.expiresAt <= parts.clock.now();
  }

  async function retry(situations: readonly JobSituation[]): Promise<number> {
    const found = events.read((tx) =>
      situations
        .flatMap((situation) => tables.jobs(tx, accountId, situation, RETRY_LIMIT))
        .filter((mediaId) => tables.media(tx, mediaId)?.facts.error?.retryable !== false),
    );
    await Promise.all(
      found.map((mediaId) => host.send(asStream(mediaId), { type: 'retry.requested' })),
    );
    return found.length;
  }

  gates.subscribe(() => {
    if (gates.uploadsOpen()) {
      host.wake();
      fill();
      return;
    }
    interrupt().catch((error: unknown) => {
      if (!closed) logger.error('uploads could not be interrupted', { error });
    });
  });
  slots.onFree(fill);
  host.subscribe((changes) => {
    if (changes.some(({ machine }) => machine === 'attachment')) fill();
  });

  return {
    async start() {
      if (!gates.uploadsOpen()) await interrupt();
      await retry(['failed']);
      fill();
    },
    fill,
    async retryAll() {
      const count = await retry(['waiting', 'failed']);
      fill();
      return count;
    },
    async idle() {
      while (filling !== undefined) await filling;
    },
    close() {
      closed = true;
    },
  };
}
