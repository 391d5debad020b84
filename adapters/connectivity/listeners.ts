import type { Cancel } from '../../ports/clock.ts';
import type { NetworkState } from '../../ports/connectivity.ts';

type Listener = (state: NetworkState) => void;

/** Listeners of one connectivity; the hooks tell when the first comes and the last has gone. */
export interface Listeners {
  add(listener: Listener): Cancel;
  /** Tells all of them. @throws the first of what they threw. */
  tell(state: NetworkState): void;
}

export function listeners(hooks: { onFirst?(): void; onLast?(): void } = {}): Listeners {
  // Wrapped, so that the same function can listen twice and stop once.
  const all = new Set<{ readonly call: Listener }>();
  return {
    add(listener) {
      const entry = { call: listener };
      all.add(entry);
      if (all.size === 1) hooks.onFirst?.();
      return () => {
        if (all.delete(entry) && all.size === 0) hooks.onLast?.();
      };
    },
    tell(state) {
      const now = [...all]; // a listener may subscribe another, which hears the next change
      const thrown: unknown[] = [];
      for (const entry of now) {
        try {
          if (all.has(entry)) entry.call(state);
        } catch (error) {
          thrown.push(error);
        }
      }
      if (thrown.length > 0) throw thrown[0];
    },
  };
}

export function sameState(one: NetworkState, other: NetworkState): boolean {
  return one.online === other.online && one.metered === other.metered;
}
