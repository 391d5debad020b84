import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Change, StateView } from '../host/definition.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';
import { TROUBLE_PAUSE_MS } from './interruptions.ts';

export interface AwaitingParts {
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'jobs'>;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the credentials of now were not refused. */
  areGood(): boolean;
}

/**
 * Those that wait for credentials, to be woken when there are new ones. Neither rejects. Durable when it resolves with
 * nothing; else with what the database said, and it is tried again by itself. One whose step throws stays for a retry.
 */
export interface Awaiting {
  wakeAll(): Promise<unknown>;
  /** The one that waits for longest, to find out for all. */
  wakeOldest(): Promise<unknown>;
  close(): void;
}

/** They share a commit. */
const BATCH = 64;
const SITUATIONS: readonly JobSituation[] = ['awaitingCredentials', 'removeAwaitingCredentials'];

export function createAwaiting(parts: AwaitingParts): Awaiting {
  const { host, events, tables, accountId, clock, logger } = parts;
  /** Downloads have no row that says so: those of this process, the others are asked for by whoever reads. */
  const downloads = new Set<StreamId>();
  const retries = new Set<Cancel>();
  let closed = false;

  /** Nobody else would wake them. */
  async function untilDone(wakeThem: () => Promise<void>): Promise<unknown> {
    try {
      await wakeThem();
    } catch (error) {
      if (closed || isClosed(error)) return undefined;
      logger.error('those that wait for credentials could not be woken', { error });
      const cancel = clock.schedule(TROUBLE_PAUSE_MS, () => {
        retries.delete(cancel);
        void untilDone(wakeThem);
      });
      retries.add(cancel);
      return error;
    }
    return undefined;
  }

  function waiting(limit: number): readonly StreamId[] {
    const jobs = events.read((tx) =>
      SITUATIONS.flatMap((situation) => tables.jobs(tx, accountId, situation, limit)),
    );
    return [...new Set([...jobs.map(asStream), ...downloads])];
  }

  async function wake(streams: readonly StreamId[]): Promise<void> {
    for (let at = 0; at < streams.length && !closed; at += BATCH) {
      await Promise.all(streams.slice(at, at + BATCH).map(wakeOne));
    }
  }

  /** Page by page: who is woken waits no more, and who cannot be is passed over. */
  async function wakeInPages(): Promise<void> {
    const stuck = new Set<StreamId>();
    let page: readonly StreamId[] = [];
    while (!closed && parts.areGood()) {
      const found = waiting(BATCH + stuck.size);
      for (const stream of page) if (found.includes(stream)) stuck.add(stream);
      page = found.filter((stream) => !stuck.has(stream));
      if (page.length === 0) return;
      await wake(page);
    }
  }

  /** One that cannot be stepped must not keep the others waiting (contract 4.6). */
  async function wakeOne(stream: StreamId): Promise<void> {
    try {
      await host.send(stream, { type: 'credentials.changed' });
    } catch (error) {
      if (closed || isClosed(error)) return;
      if (isStorageTrouble(error)) throw error;
      logger.error('an attachment could not be told of new credentials', {
        mediaId: stream,
        error,
      });
    }
  }

  function seen({ stream, before, after }: Change): boolean {
    if (isDownloadWaiting(after)) downloads.add(stream);
    else downloads.delete(stream);
    const isNew = isWaiting(after) && !(before !== null && isWaiting(before));
    return isNew || (isDownloadWaiting(after) && !(before !== null && isDownloadWaiting(before)));
  }

  const unsubscribe = host.subscribe((changes) => {
    // Refused under credentials that were replaced before its refusal was in the log.
    const late = changes.filter(seen).map(({ stream }) => stream);
    if (late.length > 0) void untilDone(async () => (parts.areGood() ? wake(late) : undefined));
  });

  return {
    wakeAll: () => untilDone(wakeInPages),
    wakeOldest: () => untilDone(async () => wake(waiting(1).slice(0, 1))),
    close() {
      closed = true;
      for (const cancel of retries) cancel();
      unsubscribe();
    },
  };
}

interface Regions {
  readonly transfer: string | { readonly live?: string; readonly ending?: string };
  readonly localCopy: string | { readonly live?: string };
}

function isWaiting({ value }: StateView): boolean {
  const { transfer } = value as unknown as Regions;
  if (typeof transfer === 'string') return false;
  return transfer.live === 'awaitingCredentials' || transfer.ending === 'removeAwaitingCredentials';
}

function isDownloadWaiting({ value }: StateView): boolean {
  const { localCopy } = value as unknown as Regions;
  return typeof localCopy === 'object' && localCopy.live === 'downloadAwaitingCredentials';
}
