import type { Cancel } from '../../ports/clock.ts';
import { delayMs } from './network-faults.ts';
import type { NetworkState } from './network-flight.ts';

/** A standing connection on which a server sends messages. */
export interface SimChannel<Message> {
  readonly host: string;
  readonly label: string;
  /** Called at the server for each (re)connection; returns what ends it. */
  readonly open: (emit: (message: Message) => void) => Cancel;
  readonly onMessage: (message: Message) => void;
}

/** A channel as its link sees it. */
export interface Connection {
  connect(): void;
  disconnect(): void;
}

/** Messages keep their order and are not lost while the connection stands; those under way when it ends are. */
export function connectionOf<Message>(
  network: NetworkState,
  channel: SimChannel<Message>,
  isReachable: () => boolean,
): Connection {
  const { clock } = network;
  const random = network.random.fork(`channel ${++network.count}`);
  let dialling: Cancel | undefined;
  let hangUp: Cancel | undefined;
  let generation = 0;

  const pick = (): void => {
    const mine = generation;
    let lastDueMs = 0;
    dialling = undefined;
    hangUp = channel.open((message) => {
      const copy = structuredClone(message);
      lastDueMs = Math.max(lastDueMs, clock.elapsedMs + delayMs(random, network.faults));
      clock.schedule(lastDueMs - clock.elapsedMs, () => {
        if (generation === mine) channel.onMessage(copy);
      });
    });
  };

  return {
    connect() {
      const isBusy = dialling !== undefined || hangUp !== undefined;
      if (isBusy || !isReachable() || network.hostsDown.has(channel.host)) return;
      dialling = clock.schedule(delayMs(random, network.faults), pick);
    },
    disconnect() {
      generation += 1;
      dialling?.();
      hangUp?.();
      dialling = undefined;
      hangUp = undefined;
    },
  };
}
