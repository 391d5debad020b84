import { type ErrorCode, isStoreTrouble, LadingError } from '../../ports/errors.ts';

/** Storage that may work again by itself: what was to be stored is kept, and tried again. */
export function isStorageTrouble(error: unknown): boolean {
  return isStoreTrouble(error) || isCode(error, 'version_conflict');
}

export function isClosed(error: unknown): boolean {
  return isCode(error, 'closed');
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof LadingError && error.code === code;
}

/** Neither storage nor a log that this version may not read: the machine, a projection or the app threw. */
export function isBug(error: unknown): boolean {
  return !(error instanceof LadingError);
}

/** How long to wait after the `failures`-th failure in a row: 1 s, 2 s, 4 s … 60 s. */
export function pauseMs(failures: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.max(0, failures - 1));
}
