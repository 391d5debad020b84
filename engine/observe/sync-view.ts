import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Host } from '../host/host.ts';
import type { GateKeeper } from '../lifecycle/gates.ts';
import { createWatched } from './watched.ts';

/**
 * One word for the whole: `error` when the backend could not be reached or an upload failed, and "Retry sync" is worth
 * offering; else `syncing` while something is under way; else `waiting` while something is left to do; else `idle`.
 */
export type SyncState = 'error' | 'syncing' | 'waiting' | 'idle';

/** What a sync banner shows of the open account (contract 4.7, 8). */
export interface SyncView {
  readonly state: SyncState;
  /** All that is not done: uploads that are queued, wait or run, and ops that the backend has not acknowledged. */
  readonly pending: number;
  /** Uploads that wait for a retry. */
  readonly failed: number;
  /** Uploads under way, in this process or another one on the same database. */
  readonly uploading: number;
  /** Changes of refs that the backend has not acknowledged. */
  readonly unsyncedOps: number;
  readonly online: boolean;
  /** All uploads of this process are paused. */
  readonly paused: boolean;
}

export interface SyncViews {
  /** Calls `listener` at once, and after each change, several changes at once told once. */
  watch(listener: (view: SyncView) => void): Cancel;
  close(): void;
}

/** Between a change and its telling: a burst of commits is counted once. */
const CALM_MS = 50;

export function createSyncViews(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without one, ops wait in the outbox for a version of the app that has: nobody is told of them. */
  readonly hasBackend: boolean;
  readonly sync: {
    pending(): number;
    activity(): { readonly running: boolean; readonly failing: boolean };
    onActivity(listener: () => void): Cancel;
  };
}): SyncViews {
  const { host, events, tables, accountId, gates, clock, logger, sync } = parts;
  const watched = createWatched(view, logger);
  let cancelUpdate: Cancel | undefined;

  function view(): SyncView {
    const jobs = events.read((tx) => tables.countJobs(tx, accountId));
    const count = (...situations: readonly string[]): number =>
      situations.reduce((sum, situation) => sum + (jobs[situation] ?? 0), 0);
    const { paused } = gates.current();
    const { running, failing } = sync.activity();
    const uploading = count('uploading', 'attaching');
    const failed = count('failed');
    const unsyncedOps = parts.hasBackend ? sync.pending() : 0;
    const pending =
      uploading +
      count('queued', 'held', 'unmetered', 'waiting', 'awaitingCredentials') +
      unsyncedOps;
    const isWorking = running || uploading > 0;
    return {
      state:
        failed > 0 || (failing && gates.remoteOpen())
          ? 'error'
          : isWorking
            ? 'syncing'
            : pending > 0
              ? 'waiting'
              : 'idle',
      pending,
      failed,
      uploading,
      unsyncedOps,
      online: gates.remoteOpen(),
      paused,
    };
  }

  function soon(): void {
    if (!watched.any) return;
    cancelUpdate ??= clock.schedule(CALM_MS, () => {
      cancelUpdate = undefined;
      watched.update();
    });
  }

  const unsubscribes = [
    host.subscribe(soon),
    host.onElsewhere(soon),
    gates.subscribe(soon),
    sync.onActivity(soon),
  ];

  return {
    watch: (listener) => watched.watch(listener),
    close() {
      cancelUpdate?.();
      for (const unsubscribe of unsubscribes) unsubscribe();
      watched.close();
    },
  };
}
