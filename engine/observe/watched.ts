import type { Cancel } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';

/** Those who watch one value, each told when it says something else than before. */
export interface Watched<T> {
  /** Calls `listener` at once, and after each change. */
  watch(listener: (value: T) => void): Cancel;
  /** The value may have changed. */
  update(): void;
  /** Whether anybody watches. */
  readonly any: boolean;
  close(): void;
}

/** @param read the value now; what it throws, and what a listener throws, is logged: the others go on. */
export function createWatched<T>(read: () => T, logger: Logger): Watched<T> {
  const watchers = new Set<() => void>();
  return {
    watch(listener) {
      let last: string | undefined;
      const watcher = (): void =>
        safely(logger, 'a watcher threw', () => {
          const next = read();
          const text = JSON.stringify(next);
          if (text === last) return;
          last = text;
          return listener(next);
        });
      watcher();
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    update() {
      for (const watcher of watchers) watcher();
    },
    get any() {
      return watchers.size > 0;
    },
    close: () => watchers.clear(),
  };
}
