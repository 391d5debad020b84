import type { Connectivity, NetworkState } from '../../ports/connectivity.ts';
import { listeners, sameState } from './listeners.ts';

export interface ManualConnectivity extends Connectivity {
  /**
   * Takes over what is given and keeps the rest; listeners hear of it, when it changes anything, before it returns.
   * @throws what a listener throws, when all have heard.
   */
  set(next: Partial<NetworkState>): void;
}

/**
 * A network state that somebody else finds out and sets: an app that listens to its platform, a test, a switch
 * "work offline". Begins online and unmetered unless told otherwise.
 */
export function manualConnectivity(initial: Partial<NetworkState> = {}): ManualConnectivity {
  let state: NetworkState = { online: true, metered: false, ...initial };
  const heard = listeners();
  return {
    current: () => state,
    subscribe: (listener) => heard.add(listener),
    set(next) {
      const changed = { ...state, ...next };
      if (sameState(state, changed)) return;
      state = changed;
      heard.tell(state);
    },
  };
}
