import type { Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { requireOwner } from './validate.ts';

/** @throws {LadingError} `invalid_id`, `wrong_account`. */
export function requireOwnerOf(accountId: string, owner: Owner): void {
  requireOwner(owner);
  if (owner.scope.accountId !== accountId) throw wrongAccount(owner.scope.accountId);
}

export function wrongAccount(accountId: string): LadingError {
  return new LadingError(
    'wrong_account',
    `This belongs to account "${accountId}", which is not the one that is open: open Lading for it.`,
    { details: { accountId } },
  );
}
