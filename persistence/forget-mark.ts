import type { SqlDatabase } from '../ports/sql.ts';

/** Key in `lading_meta` of an account that is being forgotten. */
export const FORGET_MARK = 'forget:';

/** Whether an earlier process began to forget an account and did not end it. */
export function hasForgetting(database: SqlDatabase): boolean {
  const found = database.get(
    'SELECT 1 AS found FROM lading_meta WHERE substr(key, 1, ?) = ? LIMIT 1',
    FORGET_MARK.length,
    FORGET_MARK,
  );
  return found !== undefined;
}
