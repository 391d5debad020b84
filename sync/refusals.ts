import type { Backend } from '../ports/backend.ts';
import { LadingError } from '../ports/errors.ts';
import type { Part } from '../ports/part.ts';

/** Who keeps account of which credentials were refused. */
export type Refusals = Part<{
  readonly generation: number;
  /** @param then called once when there are new ones. */
  refused(generation: number, code: string, then: () => void): boolean;
}>;

/**
 * The same backend, whose refusals of the sign-in are told.
 * @param again called when there are new credentials, and at once when they came in between.
 */
export function tellingRefusals(backend: Backend, refusals: Refusals, again: () => void): Backend {
  async function told<T>(call: () => Promise<T>): Promise<T> {
    const used = refusals.here?.generation ?? 0;
    try {
      return await call();
    } catch (error) {
      if (isSignInRefused(error)) {
        const { code } = error;
        refusals().then(
          (one) => one.refused(used, code, again) || again(),
          () => {}, // it will be refused again
        );
      }
      throw error;
    }
  }
  return {
    ...backend,
    push: (...asked) => told(() => backend.push(...asked)),
    pull: (...asked) => told(() => backend.pull(...asked)),
    listen: (...asked) => backend.listen(...asked),
  };
}

export function isSignInRefused(error: unknown): error is LadingError {
  return error instanceof LadingError && error.code === 'credentials_refused';
}
