import type { Clock } from '../ports/clock.ts';

/** Longest wait for one answer of the backend; then it counts as lost. */
export const ANSWER_TIMEOUT_MS = 60_000;

/** The backend answered something that is no answer. Nothing of it is used; asking again may help. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/**
 * Runs one call of the backend. It ends with the call, with `signal`, or after `timeoutMs`, also where the call
 * itself heeds neither: a hung request must not hold up the rest.
 */
export async function bounded<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    inner.abort(reason);
    reject(reason);
  };
  const onAbort = (): void => end(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.schedule(timeoutMs, () =>
    end(new BadAnswer(`the backend did not answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([call(inner.signal), ended]);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
