import { LadingError } from '../../ports/errors.ts';

export function captureAborted(cause: unknown): LadingError {
  return new LadingError('capture_aborted', 'The capture was aborted; nothing was stored.', {
    cause,
  });
}
