import type { Clock } from '../../ports/clock.ts';
import type { SimProcess } from '../world/process.ts';
import type { NetworkLink } from '../world/sim-network.ts';

/** A process that stands still for a while: a laptop that sleeps, a tab in the background, SIGSTOP. */
export interface Stall {
  readonly isStill: boolean;
  /** Until {@link Stall.end}, nothing that is due runs, and no answer is heard. */
  begin(): void;
  /** All that waited runs now, in its order. */
  end(): void;
  clock(clock: Clock): Clock;
  link(link: NetworkLink): NetworkLink;
}

/** @param process what stands still; once it is dead, nothing of what waited runs. */
export function createStall(process: Pick<SimProcess, 'onKill'>): Stall {
  const waiting: (() => void)[] = [];
  process.onKill(() => void waiting.splice(0));
  let still = false;
  const later =
    <Args extends unknown[]>(run: (...args: Args) => void) =>
    (...args: Args): void => {
      if (still) waiting.push(() => run(...args));
      else run(...args);
    };
  return {
    get isStill() {
      return still;
    },
    begin() {
      still = true;
    },
    end() {
      still = false;
      for (const run of waiting.splice(0)) run();
    },
    clock: (clock) => ({
      now: () => clock.now(),
      schedule(delayMs, run) {
        let cancelled = false;
        const cancel = clock.schedule(
          delayMs,
          later(() => {
            if (!cancelled) run();
          }),
        );
        return () => {
          cancelled = true;
          cancel();
        };
      },
    }),
    link: (link) => ({
      ...link,
      get isReachable() {
        return link.isReachable;
      },
      connectivity: {
        current: () => link.connectivity.current(),
        subscribe: (listener) => link.connectivity.subscribe(later(listener)),
      },
      request: (request) =>
        new Promise((resolve, reject) => {
          link.request(request).then(later(resolve), later(reject));
        }),
      subscribe: (channel) =>
        link.subscribe({ ...channel, onMessage: later((message) => channel.onMessage(message)) }),
    }),
  };
}
