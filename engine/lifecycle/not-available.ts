import { LadingError } from '../../ports/errors.ts';

/** What each verb that has no service yet would need; the status table of the README says the same. */
const MISSING = {
  credentials: 'give the remote a function for its headers, and call `retry` when they changed',
  signOut: 'call `close()`, and open Lading for the next account',
} as const;

/** @throws {LadingError} `not_available`, with what to do instead. */
export function notAvailable(verb: keyof typeof MISSING): never {
  throw new LadingError(
    'not_available',
    `lading.${verb} is not in this version: ${MISSING[verb]}.`,
    { details: { verb } },
  );
}
