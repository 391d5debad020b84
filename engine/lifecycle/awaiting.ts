import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Change, StateView } from '../host/definition.ts';
import { isClosed } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';

export interface AwaitingParts {
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'jobs'>;
  readonly accountId: string;
  readonly logger: Logger;
  /** Whether the credentials of now were not refused. */
  areGood(): boolean;
}

/** Those that wait for credentials, to be woken when there are new ones. */
export interface Awaiting {
  /** Durable when it resolves; those that cannot be woken stay for a retry. */
  wakeAll(): Promise<void>;
  /** The one that waits for longest, to find out for all. */
  wakeOldest(): Promise<void>;
  close(): void;
}

/** They share a commit. */
const BATCH = 64;
const ALL = Number.MAX_SAFE_INTEGER;
const SITUATIONS: readonly JobSituation[] = ['awaitingCredentials', 'removeAwaitingCredentials'];

export function createAwaiting(parts: AwaitingParts): Awaiting {
  const { host, events, tables, accountId, logger } = parts;
  /** Downloads have no row that says so: those of this process, the others are asked for by whoever reads. */
  const downloads = new Set<StreamId>();
  let closed = false;

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

  /** One that cannot be stepped must not keep the others waiting (contract 4.6). */
  async function wakeOne(stream: StreamId): Promise<void> {
    try {
      await host.send(stream, { type: 'credentials.changed' });
    } catch (error) {
      if (closed || isClosed(error)) return;
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
    if (late.length > 0 && parts.areGood()) void wake(late);
  });

  return {
    wakeAll: async () => wake(waiting(ALL)),
    wakeOldest: async () => wake(waiting(1).slice(0, 1)),
    close() {
      closed = true;
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
