import { LadingError } from '../ports/errors.ts';

const STORE_CODES: ReadonlySet<string> = new Set([
  'closed',
  'commit_failed',
  'database_busy',
  'database_corrupt',
  'database_read_only',
  'disk_full',
]);

/** The store could not commit, whoever asked; anything else is the fault of one attachment, or of the app's rows. */
export function isStoreFailure(error: unknown): boolean {
  return error instanceof LadingError && STORE_CODES.has(error.code);
}
