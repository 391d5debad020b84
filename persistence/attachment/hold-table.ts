import type { BlobKey } from '../../ports/blob-store.ts';
import type { HoldTable } from '../../ports/blob-tables.ts';
import { REMOVAL_BEGUN } from '../../ports/garbage-table.ts';

/** More equal files than this are not looked at: normally there is one. */
const MOST_EQUAL = 4;

export const holdTable: HoldTable = {
  equalTo: ({ sql }, accountId, { sha256, byteSize }) =>
    sql
      .all(
        `SELECT blob_key FROM lading_blob WHERE account_id = ? AND sha256 = ? AND byte_size = ?
         ORDER BY opened_at DESC, blob_key LIMIT ?`,
        accountId,
        sha256,
        byteSize,
        MOST_EQUAL,
      )
      .map((row) => String(row['blob_key']) as BlobKey),

  hold: ({ sql }, key, holder, until) =>
    sql.run(
      `INSERT INTO lading_hold (blob_key, holder, until)
       SELECT blob_key, ?, ? FROM lading_blob WHERE blob_key = ?
       ON CONFLICT (blob_key, holder) DO UPDATE SET until = excluded.until`,
      holder,
      until,
      key,
    ) === 1,

  isHeldBy: ({ sql }, key, holder, now) =>
    sql.get(
      'SELECT 1 AS found FROM lading_hold WHERE blob_key = ? AND holder = ? AND until > ?',
      key,
      holder,
      now,
    ) !== undefined,

  letGo({ sql }, key, holder) {
    sql.run('DELETE FROM lading_hold WHERE blob_key = ? AND holder = ?', key, holder);
  },

  endHolds({ sql }, now) {
    sql.run('DELETE FROM lading_hold WHERE until <= ?', now);
  },

  isBeingRemoved: ({ sql }, key) =>
    sql.get(
      `SELECT 1 AS found FROM lading_garbage WHERE kind = 'blob' AND key = ? AND reason = ?`,
      key,
      REMOVAL_BEGUN,
    ) !== undefined,

  protection({ sql }, key, now) {
    const row = sql.get(
      `SELECT EXISTS (SELECT 1 FROM lading_blob WHERE blob_key = ?) OR EXISTS (
           SELECT 1 FROM lading_media WHERE blob_key = ? AND has_bytes = 0 AND url IS NULL
             AND facts ->> 'local' = 'missing') AS holders,
         (SELECT max(until) FROM lading_hold WHERE blob_key = ?) AS until`,
      key,
      key,
      key,
    );
    const until = row?.['until'] ?? null;
    if (row?.['holders'] === 1 || (until !== null && Number(until) > now)) return 'held';
    return until === null ? 'none' : 'expired';
  },
};
