import type { NetworkLink } from '../world/sim-network.ts';
import type { World } from './world.ts';

/** What a device's surroundings do to its links, and since when. */
export interface LinkSwitch {
  isOnline(): boolean;
  meteredSinceMs(): number | undefined;
  /** When what the device is told of its link changed last. */
  changedMs(): number;
  readonly setOnline: (online: boolean) => void;
  /** Cuts it off without telling it. */
  readonly setReachable: (reachable: boolean) => void;
  readonly setMetered: (metered: boolean) => void;
}

/** @param links those of the processes that live now. */
export function linkSwitch(
  { trace, clock: time }: Pick<World, 'trace' | 'clock'>,
  name: string,
  links: () => readonly NetworkLink[],
): LinkSwitch {
  let meteredSinceMs: number | undefined;
  let changedMs = 0;
  return {
    isOnline: () => links().every((link) => link.connectivity.current().online),
    meteredSinceMs: () => meteredSinceMs,
    changedMs: () => changedMs,
    setOnline(online) {
      trace.note(name, online ? 'online' : 'offline');
      changedMs = time.elapsedMs;
      for (const link of links()) link.setOnline(online);
    },
    setReachable(reachable) {
      trace.note(name, reachable ? 'reachable' : 'cut off without knowing');
      for (const link of links()) link.setReachable(reachable);
    },
    setMetered(metered) {
      trace.note(name, metered ? 'link is metered' : 'link is not metered');
      changedMs = time.elapsedMs;
      if (!metered) meteredSinceMs = undefined;
      else meteredSinceMs ??= time.elapsedMs;
      for (const link of links()) link.setMetered(metered);
    },
  };
}
