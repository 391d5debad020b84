import type { Gates } from '../../machines/attachment/view.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Connectivity } from '../../ports/connectivity.ts';

/** The engine's facts that hold uploads back; never events of an attachment (contract 2). */
export interface GateKeeper {
  /** The facts as they stand; `slotFree` is the scheduler's to say. */
  current(): Omit<Gates, 'slotFree'>;
  /** Whether the remote may be contacted at all. */
  remoteOpen(): boolean;
  /** Whether uploads may run: the remote may be contacted, and nothing is paused. */
  uploadsOpen(): boolean;
  pause(): void;
  resume(): void;
  /** Calls `listener` after each change. */
  subscribe(listener: () => void): Cancel;
  close(): void;
}

/**
 * @param debounceMs how long the network must stay before it counts as back; its loss counts at once (contract 4.7).
 */
export function createGateKeeper(options: {
  readonly connectivity: Connectivity;
  readonly clock: Clock;
  readonly debounceMs: number;
}): GateKeeper {
  const { connectivity, clock, debounceMs } = options;
  const listeners = new Set<() => void>();
  let online = connectivity.current().online;
  let paused = false;
  let cancelDebounce: Cancel | undefined;

  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const setOnline = (next: boolean): void => {
    if (online === next) return;
    online = next;
    tell();
  };
  const unsubscribe = connectivity.subscribe((state) => {
    cancelDebounce?.();
    cancelDebounce = undefined;
    if (!state.online) setOnline(false);
    else cancelDebounce = clock.schedule(debounceMs, () => setOnline(true));
  });
  const setPaused = (next: boolean): void => {
    if (paused === next) return;
    paused = next;
    tell();
  };

  return {
    current: () => ({ online, networkPolicyOk: true, paused, accountActive: true }),
    remoteOpen: () => online,
    uploadsOpen: () => online && !paused,
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
