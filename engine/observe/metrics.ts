import { closedGate, type Gates, type WaitingFor } from '../../machines/attachment/view.ts';
import type { AttachmentTables, OutboxTable } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { CountedSituation, Metrics } from '../../ports/metrics.ts';
import type { Change } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import type { GateKeeper } from '../lifecycle/gates.ts';
import type { UploadLoad } from '../scheduling/slots.ts';
import { codeOf, hasGivenUp } from './outcomes.ts';

/** Uploads on their way, and what each waits for; null: the gates say. */
const UPLOADS = {
  queued: null,
  held: 'resume',
  unmetered: null,
  waiting: 'backoff',
  awaitingCredentials: 'credentials',
  uploading: null,
  attaching: null,
  failed: 'retry',
} as const satisfies Partial<Record<CountedSituation, WaitingFor | null>>;
const CLEANUPS = [
  'removeWaiting',
  'removeAwaitingCredentials',
  'leftover',
  'purgeWaiting',
] as const;
const uploads = Object.keys(UPLOADS) as readonly (keyof typeof UPLOADS)[];
const counted: readonly CountedSituation[] = [...uploads, ...CLEANUPS];
/** Codes come from remotes and backends: how many there are must not depend on them. */
const MOST_CODES = 100;

export interface MetricsParts {
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: AttachmentTables;
  readonly outbox: Pick<OutboxTable, 'count'>;
  readonly accountId: string;
  readonly clock: Clock;
  readonly gates: GateKeeper;
  readonly load: UploadLoad;
}

/** Counts from now on. Reading costs a few indexed queries over what is not done, never over what is (contract 7.1). */
export function createMetrics(parts: MetricsParts): () => Metrics {
  const { host, events, tables, outbox, accountId, clock, gates, load } = parts;
  const failures = new Map<string, number>();
  const total = {
    captured: 0,
    attempts: 0,
    uploaded: 0,
    uploadedBytes: 0,
    gaveUp: 0,
    retries: 0,
    events: 0,
    commits: 0,
  };

  function count(change: Change): void {
    const { event, before, after } = change;
    total.events += 1;
    if (before === null && contextOf(after.context).origin === 'here') total.captured += 1;
    if (event.type === 'upload.started') total.attempts += 1;
    if (event.type === 'retry.requested') total.retries += 1;
    if (event.type === 'upload.succeeded') {
      total.uploaded += 1;
      total.uploadedBytes += contextOf(after.context).media.byteSize;
    }
    const code = codeOf(event);
    if (code !== null) {
      const known = failures.has(code) || failures.size < MOST_CODES ? code : 'other';
      failures.set(known, (failures.get(known) ?? 0) + 1);
    }
    if (hasGivenUp(change)) total.gaveUp += 1;
  }

  host.subscribe((changes) => {
    if (changes.length > 0) total.commits += 1;
    for (const change of changes) count(change);
  });

  function now(tx: StoreTransaction): Metrics['now'] {
    const found = tables.countJobs(tx, accountId);
    const jobs = Object.fromEntries(counted.map((name) => [name, found[name] ?? 0])) as Record<
      CountedSituation,
      number
    >;
    const { bytes, blobs, evictableBytes } = tables.usage(tx, accountId);
    const oldest = uploads.flatMap((name) => {
      const [first] = tables.jobs(tx, accountId, name, 1);
      const since = first === undefined ? undefined : tables.media(tx, first)?.facts.since;
      return since ?? [];
    });
    return {
      jobs,
      waitingFor: waitingFor(jobs, gates.current()),
      oldestWaitingMs: oldest.length === 0 ? null : Math.max(0, clock.now() - Math.min(...oldest)),
      usedBytes: bytes,
      files: blobs,
      evictableBytes,
      pendingBytes: tables.pendingBytes(tx, accountId),
      outboxOps: outbox.count(tx, accountId),
    };
  }

  return () => ({
    now: events.read(now),
    process: {
      uploadsUnderWay: load.used,
      uploadSlots: load.total,
      uploadLimit: load.limit,
      services: host.running,
      inMemory: host.cached,
    },
    total: { ...total, failures: Object.fromEntries(failures) },
  });
}

function isQueue(situation: CountedSituation): boolean {
  return situation === 'queued' || situation === 'unmetered';
}

function waitingFor(
  jobs: Readonly<Record<CountedSituation, number>>,
  gates: Gates,
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const situation of uploads) {
    const reason = isQueue(situation)
      ? closedGate(gates, situation === 'unmetered')
      : UPLOADS[situation];
    const count = jobs[situation];
    if (reason !== null && count > 0) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}
