import type { MediaId } from '../../machines/attachment/types.ts';
import {
  type Gates,
  type ViewState,
  viewOf,
  type WaitingFor,
} from '../../machines/attachment/view.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Host } from '../host/host.ts';
import type { GateKeeper } from './gates.ts';
import type { Scheduler } from './scheduler.ts';
import type { UploadSlots } from './slots.ts';

/** What still waits when nothing is left to do now. */
export interface SettledReport {
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
  'waiting',
  'awaitingCredentials',
  'failed',
];
const REPORT_LIMIT = 1_000;
const POLL_MS = 25;

export function createSettled(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** Sync has nothing to do now. */
  syncIdle(): boolean;
  unsyncedOps(): number;
}): () => Promise<SettledReport> {
  const { host, events, tables, accountId, gates, slots, clock } = parts;

  function isSettled(): boolean {
    if (host.running > 0 || !parts.syncIdle()) return false;
    if (!gates.uploadsOpen()) return true;
    return events.read((tx) =>
      (['queued', 'uploading', 'attaching'] as const).every(
        (situation) => tables.jobs(tx, accountId, situation, 1).length === 0,
      ),
    );
  }

  function report(): SettledReport {
    const now: Gates = { ...gates.current(), slotFree: slots.free > 0 };
    return events.read((tx) => ({
      waiting: SITUATIONS.flatMap((situation) =>
        tables.jobs(tx, accountId, situation, REPORT_LIMIT).flatMap((mediaId) => {
          const facts = tables.media(tx, mediaId)?.facts;
          if (facts === undefined) return [];
          const view = viewOf(facts, now);
          return [
            {
              mediaId,
              state: view.state,
              waitingFor: view.waitingFor ?? null,
              until: view.until ?? null,
            },
          ];
        }),
      ),
      jobs: tables.countJobs(tx, accountId),
      unsyncedOps: parts.unsyncedOps(),
    }));
  }

  return async () => {
    // Twice in a row: a commit that was handed in may be on its way.
    for (let quiet = 0; quiet < 2; quiet = isSettled() ? quiet + 1 : 0) {
      await parts.scheduler.idle();
      await nextChange(host, clock);
    }
    return report();
  };
}

/** The next commit, or a short while. */
function nextChange(host: Host, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const stops: Cancel[] = [];
    const done = (): void => {
      for (const stop of stops) stop();
      resolve();
    };
    stops.push(host.subscribe(done), clock.schedule(POLL_MS, done));
  });
}
