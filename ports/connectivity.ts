import type { Cancel } from './clock.ts';

/** What is believed of the network. A hint: the truth is what an attempt finds (field case 35). */
export interface NetworkState {
  readonly online: boolean;
  /** The link costs money or is limited; unknown counts as unmetered. */
  readonly metered: boolean;
}

export interface Connectivity {
  current(): NetworkState;
  /** Calls `listener` on every change, never at once. */
  subscribe(listener: (state: NetworkState) => void): Cancel;
}
