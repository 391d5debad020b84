import type { SqlDatabase } from '../ports/sql.ts';

/** Key in `lading_meta` of when this database began, or began anew from what was left of a damaged one. */
export const BEGUN_AT = 'begun_at';

/** Key in `lading_meta` of when this database was made from what was left of a damaged one. */
export const RECOVERED_AT = 'recovered_at';

/** Key in `lading_meta` of the last recovery that an account's openings have dealt with. */
export const HEALED = 'healed:';

/** Whether the database was made from a damaged one, and what that left to be done for the account is not done yet. */
export function isRecovered(database: SqlDatabase, accountId: string): boolean {
  const sql = `SELECT 1 FROM lading_meta WHERE key = 'recovered_at' AND value IS NOT
    (SELECT value FROM lading_meta WHERE key = 'healed:' || ?)`;
  return database.get(sql, accountId) !== undefined;
}
