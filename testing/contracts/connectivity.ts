import { expect } from 'vitest';
import type { Connectivity, NetworkState } from '../../ports/connectivity.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface ConnectivitySetup extends ContractSetup {
  /** Online when the case begins. */
  readonly connectivity: Connectivity;
  /** Takes the network away or brings it back; resolves when an adapter that probes has noticed. */
  readonly become: (online: boolean) => Promise<void>;
}

/** What every {@link Connectivity} keeps: see {@link connectivityCases}. */
export function describeConnectivity(name: string, setup: () => Promise<ConnectivitySetup>): void {
  describeContract(`connectivity contract: ${name}`, connectivityCases, setup);
}

/** One by one; {@link describeConnectivity} makes tests of them. */
export const connectivityCases: readonly ContractCase<ConnectivitySetup>[] = [
  {
    title: 'says whether it is online',
    async run({ connectivity, become }) {
      const stop = connectivity.subscribe(() => {});
      expect(connectivity.current().online).toBe(true);
      await become(false);
      expect(connectivity.current().online).toBe(false);
      await become(true);
      expect(connectivity.current().online).toBe(true);
      stop();
    },
  },
  {
    title: 'says metered as true or false, never as unknown',
    async run({ connectivity }) {
      expect(typeof connectivity.current().metered).toBe('boolean');
    },
  },
  {
    title: 'tells every change once, and nothing when it begins to listen',
    async run({ connectivity, become }) {
      const heard: boolean[] = [];
      const stop = connectivity.subscribe(({ online }) => heard.push(online));
      expect(heard).toEqual([]);
      await become(false);
      await become(true);
      expect(heard).toEqual([false, true]);
      stop();
    },
  },
  {
    title: 'tells nothing when nothing changed',
    async run({ connectivity, become }) {
      const heard: NetworkState[] = [];
      const stop = connectivity.subscribe((state) => heard.push(state));
      await become(true);
      await become(true);
      expect(heard).toEqual([]);
      stop();
    },
  },
  {
    title: 'tells what current says by then',
    async run({ connectivity, become }) {
      const agreed: boolean[] = [];
      const stop = connectivity.subscribe(({ online }) =>
        agreed.push(online === connectivity.current().online),
      );
      await become(false);
      await become(true);
      expect(agreed).toEqual([true, true]);
      stop();
    },
  },
  {
    title: 'tells each of several listeners',
    async run({ connectivity, become }) {
      const heard = [0, 0];
      const stops = heard.map((_, index) =>
        connectivity.subscribe(() => {
          heard[index] = (heard[index] ?? 0) + 1;
        }),
      );
      await become(false);
      expect(heard).toEqual([1, 1]);
      for (const stop of stops) stop();
    },
  },
  {
    title:
      'tells a listener nothing once it stopped, whoever else goes on and however often it stops',
    async run({ connectivity, become }) {
      const heard: string[] = [];
      const stop = connectivity.subscribe(() => heard.push('stopped'));
      const stopOther = connectivity.subscribe(() => heard.push('other'));
      stop();
      stop();
      await become(false);
      expect(heard).toEqual(['other']);
      stopOther();
    },
  },
  {
    title: 'lets the same function listen twice and stop once',
    async run({ connectivity, become }) {
      const heard: NetworkState[] = [];
      const listener = (state: NetworkState): void => void heard.push(state);
      const stop = connectivity.subscribe(listener);
      const stopOther = connectivity.subscribe(listener);
      stop();
      await become(false);
      expect(heard).toHaveLength(1);
      stopOther();
    },
  },
];
