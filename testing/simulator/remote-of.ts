import type { Clock } from '../../ports/clock.ts';
import type { ObjectKey, Remote } from '../../ports/remote.ts';
import type { SimProcess } from '../world/process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { SimDisk } from '../world/sim-disk.ts';
import type { NetworkLink, SimNetwork } from '../world/sim-network.ts';
import type { SimObjectStore, Token } from '../world/sim-object-store.ts';
import { simRemote } from '../world/sim-remote.ts';

/** What one process of a device has, from which its remote is made. */
export interface RemoteParts {
  /** `A` or `B`. */
  readonly device: string;
  readonly process: SimProcess;
  /** The process's own; it dies with it. */
  readonly link: NetworkLink;
  readonly clock: Clock;
  /** The world's, which goes on when a process dies. */
  readonly time: Clock;
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly store: SimObjectStore;
  /** The credentials of the moment. */
  token(this: void, key: ObjectKey): Token;
  /** The device's disk now. */
  disk(this: void): SimDisk;
}

/** The simulated remote, unless the scenario brings its own. */
export function remoteOf(
  world: {
    readonly scenario: {
      readonly remote?: (parts: RemoteParts) => Remote;
      readonly chunkBytes: number;
      readonly putBelowBytes: number;
    };
    readonly clock: Clock;
    readonly random: SeededRandom;
    readonly network: SimNetwork;
    readonly store: SimObjectStore;
  },
  process: Omit<RemoteParts, 'time' | 'random' | 'network' | 'store'>,
): Remote {
  const { scenario, clock: time, random, network, store } = world;
  if (scenario.remote !== undefined) {
    return scenario.remote({ ...process, time, random, network, store });
  }
  const { chunkBytes, putBelowBytes } = scenario;
  const { link, token } = process;
  return simRemote(link, store, { token, chunkBytes, putBelowBytes });
}
