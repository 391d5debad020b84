import type { SqlDatabase } from '../ports/sql.ts';

/** Key in `lading_meta` of what tells the life of an account on this device from an earlier one. */
export const ACCOUNT_EPOCH = 'account:';

/**
 * Reads the epoch of an account: another one as soon as a process began to forget it (contract 10.7), undefined when it
 * has none. Inside a transaction it is what that sees.
 */
export function accountEpoch(database: SqlDatabase, accountId: string): () => unknown {
  const key = ACCOUNT_EPOCH + accountId;
  return () => database.get('SELECT value FROM lading_meta WHERE key = ?', key)?.['value'];
}
