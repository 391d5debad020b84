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
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(captureAborted());
    signal.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => {}); // raced below; alone it is nobody's error
  try {
    for (;;) {
      if (signal.aborted) throw captureAborted();
      const step = await Promise.race([iterator.next(), stopped]);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
    // Not awaited: a generator that hangs in `next` answers `return` only when it wakes up.
    iterator.return?.().catch(() => {});
  }
}

export function captureAborted(): LadingError {
  return new LadingError('capture_aborted', 'The capture was aborted; nothing was stored.');
}
