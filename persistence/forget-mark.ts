import type { SqlDatabase } from '../ports/sql.ts';

/** Key in `lading_meta` of an account that is being forgotten. */
export const FORGET_MARK = 'forget:';

/**
 * Whether an earlier process began to forget an account and did not end it, or the database was made from a damaged one:
 * then opening an account has more to do.
 */
export function isUnfinished(database: SqlDatabase): boolean {
  const sql = "SELECT 1 FROM lading_meta WHERE key LIKE 'forget:%' OR key = 'recovered_at'";
  return database.get(sql) !== undefined;
}
