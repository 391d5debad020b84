import type { OwnerScope } from '../machines/attachment/types.ts';
import type { Backend } from '../ports/backend.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { Puller } from './puller.ts';
import type { Pusher, PushReport } from './pusher.ts';
import { scopeKey } from './scope-key.ts';
import { createScopeSync } from './scope-sync.ts';
import type { Settled } from './settle.ts';

/** What one `now()` did. */
export interface SyncReport extends PushReport {
  /** Rows that changed something here. */
  readonly pulled: number;
}

/** Pushes and pulls by itself: woken by commits, change-signals and the network, never by polling (contract 8). */
export interface SyncLoop {
  start(): void;
  /** Pushes all that is due and pulls every scope, now. Never rejects; `complete` says whether all of it was done. */
  now(): Promise<SyncReport>;
  /** The app went to the background: no listener there. Ops are still pushed as long as the process may run. */
  suspend(): void;
  /** The app is back: one delta pass, then one listener for each scope. */
  resume(): void;
  /** Tells the loop that ops were acknowledged. */
  settled(settled: Pick<Settled, 'scopes' | 'reset'>): void;
  /** Nothing is left to do now: it waits for news, the network or backoff. */
  isIdle(): boolean;
  /** Ops that are not acknowledged. */
  pending(): number;
  /** Whether the backend is being talked to, and whether the last talk failed. */
  activity(): SyncActivity;
  /** Calls `listener` when {@link SyncLoop.activity} may have changed. */
  onActivity(listener: () => void): Cancel;
  close(): Promise<void>;
}

export interface SyncActivity {
  readonly running: boolean;
  readonly failing: boolean;
}

export interface SyncLoopOptions {
  /** Made here, so that the loop hears of what it does. */
  createPusher(onActivity: () => void): Pusher;
  readonly puller: Puller;
  readonly backend: Pick<Backend, 'listen'>;
  /** What this device follows: one listener each. */
  readonly scopes: readonly OwnerScope[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  isOnline(): boolean;
  /** Calls `listener` when what `isOnline` says may have changed. */
  onOnline(listener: () => void): Cancel;
  /** Calls `listener` after each commit that changed streams, and now and then after those of other processes. */
  onCommit(listener: () => void): Cancel;
}

export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const listeners = new Set<() => void>();
  const onActivity = (): void => {
    for (const listener of listeners) listener();
  };
  const pusher = options.createPusher(onActivity);
  const scopes = new Map(
    options.scopes.map((scope) => [
      scopeKey(scope),
      createScopeSync({ ...options, scope, onActivity }),
    ]),
  );
  let wasOnline = options.isOnline();
  let unsubscribes: readonly Cancel[] = [];

  const onCommit = (): void => {
    for (const scope of scopes.values()) scope.committed();
  };
  const onNetwork = (): void => {
    const isOnline = options.isOnline();
    if (isOnline === wasOnline) return;
    wasOnline = isOnline;
    pusher.wake();
    for (const scope of scopes.values()) scope.networkChanged();
  };
  const resume = (): void => {
    for (const scope of scopes.values()) scope.resume();
  };
  const suspend = (): void => {
    for (const scope of scopes.values()) scope.suspend();
  };

  return {
    start() {
      if (unsubscribes.length === 0) {
        unsubscribes = [options.onOnline(onNetwork), options.onCommit(onCommit)];
      }
      pusher.start();
      resume();
    },
    async now() {
      const push = await pusher.push();
      const pulls = await Promise.all([...scopes.values()].map((scope) => scope.now()));
      return {
        ...push,
        pulled: pulls.reduce((sum, { applied }) => sum + applied, 0),
        complete: push.complete && pulls.every(({ complete }) => complete),
      };
    },
    suspend,
    resume,
    settled({ scopes: changed, reset }) {
      const anew = new Set(reset.map(scopeKey));
      for (const key of new Set(changed.map(scopeKey))) scopes.get(key)?.settled(anew.has(key));
    },
    isIdle: () => pusher.idle && [...scopes.values()].every(({ idle }) => idle),
    pending: () => pusher.pending(),
    activity() {
      const parts = [pusher, ...scopes.values()];
      return {
        running: parts.some(({ running }) => running),
        failing: parts.some(({ failing }) => failing),
      };
    },
    onActivity(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      for (const unsubscribe of unsubscribes) unsubscribe();
      await Promise.all([pusher.close(), ...[...scopes.values()].map((scope) => scope.close())]);
    },
  };
}
