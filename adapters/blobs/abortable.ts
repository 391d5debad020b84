import { LadingError } from '../../ports/errors.ts';

/**
 * `source`, given up at once when `signal` fires, even while the source hangs.
 * @throws {LadingError} `capture_aborted`.
 */
export async function* abortable(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  if (signal === undefined) {
    yield* source;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let giveUp: (() => void) | undefined;
  const onAbort = (): void => giveUp?.();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal.aborted) throw captureAborted();
      // A promise of its own for each step: one that all steps were raced against would keep every piece until the end.
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = () => reject(captureAborted());
        iterator.next().then(resolve, reject);
      });
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a generator that hangs in `next` answers `return` only when it wakes up.
    iterator.return?.().catch(() => {});
  }
}

export function captureAborted(): LadingError {
  return new LadingError('capture_aborted', 'The capture was aborted; nothing was stored.');
}
