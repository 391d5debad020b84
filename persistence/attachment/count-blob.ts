import type { SqlTransaction } from '../../ports/sql.ts';
import type { HeldBlob } from './rows.ts';

/**
 * Keeps `lading_blob` and `lading_usage` while one attachment goes from holding `before` to holding `after`: a file is
 * counted once, however many hold it (contract 5.3). Whoever holds a file needs the protection of his `lading_hold` no
 * longer: it ends in the same commit.
 */
export function countBlob(
  sql: SqlTransaction,
  mediaId: string,
  before: HeldBlob | null,
  after: HeldBlob | null,
): void {
  const isSameFile = before?.key === after?.key;
  if (isSameFile && before?.isEvictable === after?.isEvictable) return;
  if (isSameFile) {
    if (after !== null) turn(sql, after);
    return;
  }
  if (before !== null) shift(sql, before, -1);
  if (after !== null) shift(sql, after, 1);
  sql.run('DELETE FROM lading_blob WHERE blob_key = ? AND holders <= 0', before?.key ?? null);
  sql.run('DELETE FROM lading_hold WHERE blob_key = ? AND holder = ?', after?.key ?? null, mediaId);
}

/** One holder more, or one less; the account gives up what it counted of the file, and counts it anew. */
function shift(sql: SqlTransaction, blob: HeldBlob, by: 1 | -1): void {
  count(sql, blob, -1);
  sql.run(
    `INSERT INTO lading_blob (blob_key, account_id, sha256, byte_size, holders, evictable, opened_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (blob_key) DO UPDATE SET holders = holders + excluded.holders,
       evictable = evictable + excluded.evictable, opened_at = max(opened_at, excluded.opened_at)`,
    blob.key,
    blob.accountId,
    blob.sha256,
    blob.byteSize,
    by,
    blob.isEvictable ? by : 0,
    blob.since,
  );
  count(sql, blob, 1);
}

/** One holder less, or more, that could do without the file. */
function turn(sql: SqlTransaction, blob: HeldBlob): void {
  count(sql, blob, -1);
  sql.run(
    `UPDATE lading_blob SET evictable = evictable + ?, opened_at = max(opened_at, ?)
     WHERE blob_key = ?`,
    blob.isEvictable ? 1 : -1,
    blob.since,
    blob.key,
  );
  count(sql, blob, 1);
}

function count(sql: SqlTransaction, { key }: HeldBlob, by: 1 | -1): void {
  sql.run(
    `INSERT INTO lading_usage (account_id, bytes, blobs, evictable_bytes)
     SELECT account_id, byte_size * ?, ?, CASE evictable WHEN holders THEN byte_size * ? ELSE 0 END
     FROM lading_blob WHERE blob_key = ? AND holders > 0 AND byte_size > 0
     ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes,
       blobs = blobs + excluded.blobs, evictable_bytes = evictable_bytes + excluded.evictable_bytes`,
    by,
    by,
    by,
    key,
  );
}
