import type { Clock } from '../../../ports/clock.ts';
import { aborted, FaultSignal, stalled } from './faults.ts';
import { watchStall } from './stall.ts';

/**
 * Asks the app for what a request needs: a token, a signature, an address. It may never answer, and nobody waits for that
 * longer than for a silent server, nor after a stop.
 * @throws {FaultSignal} it was silent for too long, or `signal` was aborted; and whatever it throws itself.
 */
export async function patiently<T>(
  { clock, stallMs }: { readonly clock: Clock; readonly stallMs: number },
  ask: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (signal?.aborted) throw new FaultSignal(aborted);
  const { promise: over, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new FaultSignal(aborted));
  const watch = watchStall(clock, stallMs, () => reject(new FaultSignal(stalled(stallMs))));
  signal?.addEventListener('abort', stop, { once: true });
  watch.alive();
  try {
    return await Promise.race([ask(), over]);
  } finally {
    watch.stop();
    signal?.removeEventListener('abort', stop);
  }
}
