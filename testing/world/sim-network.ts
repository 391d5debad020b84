import type { Cancel } from '../../ports/clock.ts';
import type { NetworkState as Belief, Connectivity } from '../../ports/connectivity.ts';
import { type Connection, connectionOf, type SimChannel } from './network-channel.ts';
import { calmNetwork, type NetworkFaults } from './network-faults.ts';
import {
  type Flight,
  fly,
  type NetworkState,
  type SimRequest,
  type TraceEntry,
} from './network-flight.ts';

/** One device's side of the network. */
export interface NetworkLink {
  /** What the device believes (ports/connectivity.ts). */
  readonly connectivity: Connectivity;
  readonly isReachable: boolean;
  /**
   * Resolves with the server's reply.
   * @throws {NetworkError} when there is none; the signal's reason when it was aborted.
   */
  request<Body, Reply>(request: SimRequest<Body, Reply>): Promise<Reply>;
  /** Connects, and connects again whenever the way was cut, until cancelled. */
  subscribe<Message>(channel: SimChannel<Message>): Cancel;
  /** Cuts or restores the link, and the device knows. */
  setOnline(online: boolean): void;
  /** Cuts or restores the link, and the device does not know (field case 35). */
  setReachable(reachable: boolean): void;
  setMetered(metered: boolean): void;
  /** The device died: nobody waits or listens any more; what is under way may land. */
  crash(): void;
}

/** Carries requests between devices and server models, as badly as its faults say. */
export interface SimNetwork {
  /** May be changed at any time; holds for requests sent from then on. */
  faults: NetworkFaults;
  /** The link of a device: the same one each time. */
  link(device: string): NetworkLink;
  /** A server that is down refuses connections. */
  setHostUp(host: string, up: boolean): void;
  /** Requests that may still land. */
  readonly underway: number;
  /** What happened, in order: for reading a seed that failed. */
  readonly trace: readonly TraceEntry[];
}

export interface SimNetworkOptions extends Pick<NetworkState, 'clock' | 'random'> {
  /** Default {@link calmNetwork}. */
  readonly faults?: NetworkFaults;
}

/** @returns a network on which all is up and nothing is under way. */
export function simNetwork({ clock, random, faults = calmNetwork }: SimNetworkOptions): SimNetwork {
  const state: NetworkState = {
    clock,
    random,
    faults,
    hostsDown: new Set(),
    trace: [],
    underway: 0,
    count: 0,
  };
  const links = new Map<string, SimLink>();
  return {
    get faults() {
      return state.faults;
    },
    set faults(next) {
      state.faults = next;
    },
    link(device) {
      const link = links.get(device) ?? simLink(state, device);
      links.set(device, link);
      return link;
    },
    setHostUp(host, up) {
      if (up) state.hostsDown.delete(host);
      else state.hostsDown.add(host);
      for (const link of links.values()) link.reconnect();
    },
    get underway() {
      return state.underway;
    },
    trace: state.trace,
  };
}

interface SimLink extends NetworkLink {
  /** Ends all channels, and begins those again that have a way. */
  reconnect(): void;
}

function simLink(state: NetworkState, device: string): SimLink {
  const waiting = new Set<Flight>();
  const channels = new Set<Connection>();
  const listeners = new Set<(belief: Belief) => void>();
  let belief: Belief = { online: true, metered: false };
  let reachable = true;

  const believe = (next: Belief): void => {
    if (belief.online === next.online && belief.metered === next.metered) return;
    belief = next;
    for (const listener of Array.from(listeners)) listener(belief);
  };
  const reconnect = (): void => {
    for (const channel of channels) {
      channel.disconnect();
      channel.connect();
    }
  };
  const setReachable = (next: boolean): void => {
    if (reachable === next) return;
    reachable = next;
    if (!reachable) for (const flight of Array.from(waiting)) flight.lose();
    reconnect();
  };

  return {
    connectivity: {
      current: () => belief,
      subscribe(listener) {
        // One of its own: the same function may listen twice, and stop once.
        const own = (told: Belief): void => listener(told);
        listeners.add(own);
        return () => void listeners.delete(own);
      },
    },
    get isReachable() {
      return reachable;
    },
    request(request) {
      const whyNot = belief.online ? 'connection_lost' : 'offline';
      return fly(state, request, { device, waiting, blocked: reachable ? null : whyNot });
    },
    subscribe(channel) {
      const connection = connectionOf(state, channel, () => reachable);
      channels.add(connection);
      connection.connect();
      return () => {
        connection.disconnect();
        channels.delete(connection);
      };
    },
    setReachable,
    setOnline(online) {
      setReachable(online);
      believe({ ...belief, online });
    },
    setMetered: (metered) => believe({ ...belief, metered }),
    crash() {
      for (const flight of Array.from(waiting)) flight.forget();
      for (const channel of channels) channel.disconnect();
      channels.clear();
      listeners.clear();
    },
    reconnect,
  };
}
