import type { SqlDatabase } from '../ports/sql.ts';

/** Key in `lading_meta` of an account that is being forgotten. */
export const FORGET_MARK = 'forget:';

/** Whether an earlier process began to forget an account and did not end it. */
export function hasForgetting(database: SqlDatabase): boolean {
  return database.get("SELECT 1 FROM lading_meta WHERE key LIKE 'forget:%'") !== undefined;
}
