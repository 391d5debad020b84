import type { ServiceError } from '../../machines/durable/event-names.ts';
import { LadingError } from '../../ports/errors.ts';
import { printable } from '../../ports/printable.ts';
import { redact } from '../../ports/redact.ts';

/** Storage that may work again by itself: what was to be stored is kept, and tried again. */
export function isStorageTrouble(error: unknown): boolean {
  return error instanceof LadingError && TROUBLE.has(error.code);
}

const TROUBLE: ReadonlySet<LadingError['code']> = new Set([
  'disk_full',
  'database_busy',
  'database_read_only',
  'database_unopenable',
  'database_corrupt',
  'commit_failed',
  'version_conflict',
]);

export function isClosed(error: unknown): boolean {
  return error instanceof LadingError && error.code === 'closed';
}

/** Neither storage nor a log that this version may not read: the machine, a projection or the app threw. */
export function isBug(error: unknown): boolean {
  return !(error instanceof LadingError);
}

/** How long to wait after the `failures`-th failure in a row: 1 s, 2 s, 4 s … 60 s. */
export function pauseMs(failures: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.max(0, failures - 1));
}

/** An error as the log keeps it: `Error` objects become `{}` in JSON. */
export function describeError(error: unknown): ServiceError {
  const found = error instanceof Error ? error : new Error(String(error));
  const code = (found as { readonly code?: unknown }).code;
  return {
    name: printable(found.name),
    message: redact(found.message, 500), // it may quote anything, tokens included (contract 10.4)
    code: typeof code === 'string' ? code : null,
  };
}
