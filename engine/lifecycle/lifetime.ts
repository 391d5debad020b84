import { LadingError } from '../../ports/errors.ts';

/** From opening to closing: what is under way when it ends is told so, and waited for. */
export interface Lifetime {
  /** Aborted by {@link Lifetime.end}, with `closed` as its reason. */
  readonly ending: AbortSignal;
  /** Runs one verb. @throws {LadingError} `closed` once it ended. */
  run<T>(verb: () => Promise<T>): Promise<T>;
  /**
   * Loads a part of the engine for a verb.
   * @param signal the verb's own; aborts with its reason.
   * @throws {LadingError} `closed`, `part_not_loaded`: a load that hangs holds up no end.
   */
  load<T>(part: () => Promise<T>, signal?: AbortSignal): Promise<T>;
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
    async load(part, own) {
      const { signal: ending } = controller;
      const signal = own === undefined ? ending : AbortSignal.any([ending, own]);
      const ended = Promise.withResolvers<never>();
      const onEnd = (): void => ended.reject(signal.reason);
      signal.addEventListener('abort', onEnd);
      try {
        // In this order: a part that is loaded already is taken also when the end comes in the same turn.
        return await Promise.race([part(), ended.promise]);
      } finally {
        signal.removeEventListener('abort', onEnd);
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
