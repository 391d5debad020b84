import type { ServiceError } from '../../machines/durable/event-names.ts';
import { printable } from '../../ports/printable.ts';
import { redact } from '../../ports/redact.ts';

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
