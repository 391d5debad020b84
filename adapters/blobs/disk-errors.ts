import { LadingError } from '../../ports/errors.ts';
import { captureAborted } from './abortable.ts';

/** What went wrong while writing, with a code of ours where there is one. */
export function writeError(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof LadingError) return error;
  if (signal?.aborted) return captureAborted();
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = 'The disk is full: nothing was stored. Free some space and capture again.';
    return new LadingError('disk_full', message, { cause: error });
  }
  if (typeof code !== 'string') return error;
  const message = `The directory of the bytes cannot be written (${code}): nothing was stored. Check that it may be written, then capture again.`;
  return new LadingError('blobs_unwritable', message, { cause: error, details: { code } });
}

/** Throws what went wrong while reading, listing or removing what is stored, with a code of ours where there is one. */
export function unreadable(error: unknown): never {
  const code = codeOf(error);
  if (error instanceof LadingError || typeof code !== 'string') throw error;
  const message = `The directory of the bytes cannot be used (${code}): look at its disk, or unlock the device; then try again.`;
  throw new LadingError('blobs_unreadable', message, { cause: error, details: { code } });
}

/** Throws `error` unless it says that there is no such file. */
export function unlessAbsent(error: unknown): void {
  const code = codeOf(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
