import { LadingError } from '../../ports/errors.ts';

/** From opening to closing: what is under way when it ends is told so, and waited for. */
export interface Lifetime {
  /** Aborted by {@link Lifetime.end}, with `closed` as its reason. */
  readonly ending: AbortSignal;
  /** Runs one verb. @throws {LadingError} `closed` once it ended. */
  run<T>(verb: () => Promise<T>): Promise<T>;
  /** Ends it, and resolves when every verb has settled. */
  end(): Promise<void>;
}

export function createLifetime(): Lifetime {
  const controller = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  return {
    ending: controller.signal,
    async run(verb) {
      if (controller.signal.aborted) throw closed();
      const running = verb();
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
      }
    },
    async end() {
      controller.abort(closed());
      await Promise.allSettled(underWay);
    },
  };
}

function closed(): LadingError {
  return new LadingError('closed', 'Lading was closed: open it again before you use it.');
}
