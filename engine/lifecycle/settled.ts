import type { MediaId } from '../../machines/attachment/types.ts';
import { type ViewState, viewOf, type WaitingFor } from '../../machines/attachment/view.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Part } from '../../ports/part.ts';
import type { Host } from '../host/host.ts';
import type { Credentials } from './credentials.ts';
import type { GateKeeper } from './gates.ts';
import { queuedJobs, uploadsUnderWay } from './holders.ts';
import { ATTACHMENT } from './hosted.ts';
import { openSources } from './services-on-demand.ts';
import type { Uploads } from './uploads.ts';

/** What still waits when nothing is left to do now. */
export interface SettledReport {
  /** Uploads, drafts, removals and fetches that wait, each once; at most some thousand. */
  readonly waiting: readonly {
    readonly mediaId: MediaId;
    readonly state: ViewState;
    readonly waitingFor: WaitingFor | null;
    readonly until: number | null;
  }[];
  /** Upload jobs by situation, those beyond `waiting` included. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Ops that the backend has not acknowledged. */
  readonly unsyncedOps: number;
}

const SITUATIONS: readonly JobSituation[] = [
  'queued',
  'held',
  'unmetered',
  'waiting',
  'awaitingCredentials',
  'failed',
];
const REPORT_LIMIT = 1_000;
const POLL_MS = 25;
/** Looks in a row without a commit after which a task that nobody takes up counts as stuck, not as on its way. */
const STUCK_LOOKS = 40;

export function createSettled(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly uploads: Pick<Uploads, 'idle'>;
  readonly clock: Clock;
  readonly credentials: Part<Pick<Credentials, 'areAskedFor'>>;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
  /** Sync has nothing to do now. */
  syncIdle(): boolean;
  unsyncedOps(): number;
}): () => Promise<SettledReport> {
  const { host, events, tables, accountId, gates, uploads, clock, credentials, ending } = parts;

  function isSettled(mayBeStuck: boolean): boolean {
    if (host.running > 0 || !parts.syncIdle() || credentials.here?.areAskedFor) return false;
    return events.read((tx) => {
      const now = clock.now();
      const taken = mayBeStuck ? [] : tx.tasks.claimable(ATTACHMENT, openSources(gates), now, 1);
      if (taken.length > 0) return false;
      if (!gates.uploadsOpen()) return true;
      const looked = { accountId, runner: host.runner, now };
      const startable =
        !gates.remoteHeld() &&
        queuedJobs(tx, tables, accountId, gates, gates.broken.size + 1).some(
          (mediaId) => !gates.broken.has(mediaId),
        );
      return !startable && (mayBeStuck || uploadsUnderWay(tx, tables, looked).length === 0);
    });
  }

  function report(): SettledReport {
    return events.read((tx) => ({
      waiting: waitingIn(tx).flatMap((mediaId) => {
        const media = tables.media(tx, mediaId);
        if (media === undefined || media.accountId !== accountId) return [];
        const {
          state,
          waitingFor = null,
          until = null,
        } = viewOf(media.facts, gates.current(mediaId));
        return waitingFor === null ? [] : [{ mediaId, state, waitingFor, until }];
      }),
      jobs: tables.countJobs(tx, accountId),
      unsyncedOps: parts.unsyncedOps(),
    }));
  }

  /** By jobs, timers and tasks that nobody runs: whatever waits has a row in one of them. */
  function waitingIn(tx: StoreTransaction): readonly MediaId[] {
    const jobs = SITUATIONS.flatMap((situation) =>
      tables.jobs(tx, accountId, situation, REPORT_LIMIT),
    );
    const tasks = [
      ...tx.tasks.timers(ATTACHMENT, REPORT_LIMIT),
      ...tx.tasks.claimable(ATTACHMENT, ['removeRemote', 'download'], clock.now(), REPORT_LIMIT),
    ];
    return [...new Set([...jobs, ...tasks.map(({ stream }) => stream as string as MediaId)])];
  }

  return async () => {
    let commits = 0;
    let looks = 0;
    const unsubscribe = host.subscribe(() => {
      commits += 1;
    });
    try {
      // Twice in a row: a commit that was handed in may be on its way.
      for (let quiet = 0; quiet < 2; ) {
        await uploads.idle();
        const before = commits;
        await nextChange(host, clock, ending);
        ending.throwIfAborted();
        looks = commits === before && host.running === 0 ? looks + 1 : 0;
        quiet = isSettled(looks > STUCK_LOOKS) ? quiet + 1 : 0;
      }
      return report();
    } finally {
      unsubscribe();
    }
  };
}

/** The next commit, a short while, or the end. */
function nextChange(host: Host, clock: Clock, ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ending.aborted) return resolve();
    const stops: Cancel[] = [];
    const done = (): void => {
      for (const stop of stops) stop();
      resolve();
    };
    ending.addEventListener('abort', done);
    stops.push(host.subscribe(done), clock.schedule(POLL_MS, done), () =>
      ending.removeEventListener('abort', done),
    );
  });
}
