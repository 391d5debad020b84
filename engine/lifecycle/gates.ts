import type { Gates } from '../../machines/attachment/view.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Connectivity, NetworkState } from '../../ports/connectivity.ts';

/** The engine's facts that hold uploads back; never events of an attachment (contract 2). */
export interface GateKeeper {
  /** The facts as they stand; `slotFree` is the scheduler's to say. */
  current(): Omit<Gates, 'slotFree'>;
  /** Whether the remote may be contacted at all. */
  remoteOpen(): boolean;
  /**
   * Whether uploads may run: the remote may be contacted, and nothing is paused.
   * @param unmetered what its field keeps to unmetered links (contract 3.4). Default one that any link will do for.
   */
  uploadsOpen(unmetered?: boolean): boolean;
  /** What uploads is here; while it cannot be loaded, uploads wait as for a network. */
  setReachable(isReachable: boolean): void;
  pause(): void;
  resume(): void;
  /** Calls `listener` after each change. */
  subscribe(listener: () => void): Cancel;
  close(): void;
}

/**
 * @param debounceMs how long the network must stay before it counts as back, or as unmetered; its loss counts at once
 *   (contract 4.7).
 */
export function createGateKeeper(options: {
  readonly connectivity: Connectivity;
  readonly clock: Clock;
  readonly debounceMs: number;
}): GateKeeper {
  const { connectivity, clock, debounceMs } = options;
  const listeners = new Set<() => void>();
  let { online, metered } = connectivity.current();
  let paused = false;
  let reachable = true;
  let cancelDebounce: Cancel | undefined;

  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const setLink = (next: NetworkState): void => {
    if (online === next.online && metered === next.metered) return;
    ({ online, metered } = next);
    tell();
  };
  const unsubscribe = connectivity.subscribe((state) => {
    cancelDebounce?.();
    cancelDebounce = undefined;
    // What gets worse counts at once, what gets better when it has stayed.
    setLink({ online: online && state.online, metered: metered || state.metered });
    cancelDebounce = clock.schedule(debounceMs, () => setLink(state));
  });
  const setPaused = (next: boolean): void => {
    if (paused === next) return;
    paused = next;
    tell();
  };

  return {
    current: () => ({
      online: online && reachable,
      networkPolicyOk: !metered,
      paused,
      accountActive: true,
    }),
    remoteOpen: () => online,
    uploadsOpen: (unmetered = false) => online && reachable && !paused && !(unmetered && metered),
    setReachable(next) {
      if (reachable === next) return;
      reachable = next;
      tell();
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      unsubscribe();
      cancelDebounce?.();
      listeners.clear();
    },
  };
}
