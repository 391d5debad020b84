import type { MediaId } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { displayName } from './validate-file.ts';

/** Which file of a capture an error speaks of; ends in its `details`. */
export interface WhichFile {
  /** Its place among the files of the call. */
  readonly index: number;
  /** Null when it got none yet. */
  readonly mediaId: string | null;
  /** As people know it, never a path; null when it has none that can be shown. */
  readonly filename: string | null;
}

/** What is said of a file that was not looked at yet: nothing in it can be relied on. */
export function factsOf(file: unknown): Omit<WhichFile, 'index'> {
  if (typeof file !== 'object' || file === null) return { mediaId: null, filename: null };
  const { id, filename, source } = file as Readonly<Record<string, unknown>>;
  const own = (source as { readonly filename?: unknown } | null | undefined)?.filename;
  return { mediaId: displayName(id), filename: displayName(filename ?? own) };
}

/** What is said of a file that was prepared. */
export function whichFile(
  prepared: { readonly mediaId: MediaId; readonly filename: string | null },
  index: number,
): WhichFile {
  return { index, mediaId: prepared.mediaId, filename: prepared.filename };
}

/** Not of one file: of the whole call, or of the database. */
const OF_ALL = /^(?:closed|capture_aborted|commit_failed|database_.*)$/;

/** The error, and which file it speaks of; what is not of one file stays what it is. */
export function ofFile(which: WhichFile, error: unknown): unknown {
  if (!(error instanceof LadingError) || OF_ALL.test(error.code)) return error;
  return new LadingError(error.code, error.message, {
    details: { ...error.details, ...which },
    cause: error.cause ?? error,
  });
}

/** Runs what concerns one file, and names the file in what it throws. */
export function tellWhich<T>(which: WhichFile, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw ofFile(which, error);
  }
}
