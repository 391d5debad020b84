import { isStoreTrouble, LadingError } from '../ports/errors.ts';

/** The store could not commit, whoever asked; anything else is the fault of one attachment, or of the app's rows. */
export function isStoreFailure(error: unknown): boolean {
  return isStoreTrouble(error) || (error instanceof LadingError && error.code === 'closed');
}
