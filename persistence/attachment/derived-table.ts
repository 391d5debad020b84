import type { BlobKey } from '../../ports/blob-store.ts';
import type { DerivedTable } from '../../ports/derived-table.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { FORGET_MARK } from '../forget-mark.ts';

/** Derived files and what they take of the device; every function is one operation, with its share of `lading_usage`. */
export const derivedTable: DerivedTable = {
  find({ sql }, mediaId, name) {
    const row = sql.get(
      `SELECT account_id, blob_key, byte_size FROM lading_derived WHERE media_id = ? AND name = ?`,
      mediaId,
      name,
    );
    return row === undefined
      ? undefined
      : {
          mediaId,
          name,
          accountId: String(row['account_id']),
          key: String(row['blob_key']) as BlobKey,
          byteSize: Number(row['byte_size']),
        };
  },

  put({ sql }, { mediaId, name, accountId, key, byteSize }, openedAt) {
    const isNew =
      sql.run(
        `INSERT INTO lading_derived (media_id, name, account_id, blob_key, byte_size, opened_at)
         SELECT media_id, ?, account_id, ?, ?, ? FROM lading_media
         WHERE media_id = ? AND account_id = ? AND coalesce(facts ->> 'gone', 0) = 0
           AND NOT EXISTS (SELECT 1 FROM lading_meta WHERE key = ?)
         ON CONFLICT (media_id, name) DO NOTHING`,
        name,
        key,
        byteSize,
        openedAt,
        mediaId,
        accountId,
        `${FORGET_MARK}${accountId}`,
      ) === 1;
    if (isNew) count(sql, key, 1);
    return isNew;
  },

  drop: ({ sql }, key) => drop(sql, key),

  dropOf({ sql }, mediaId) {
    const keys = sql
      .all('SELECT blob_key FROM lading_derived WHERE media_id = ?', mediaId)
      .map((row) => String(row['blob_key']) as BlobKey);
    for (const key of keys) drop(sql, key);
    return keys;
  },

  stale({ sql }, after, limit) {
    const rows = sql.all(
      `SELECT d.blob_key, m.media_id IS NULL OR coalesce(m.facts ->> 'gone', 0) = 1 AS stale
       FROM lading_derived AS d LEFT JOIN lading_media AS m ON m.media_id = d.media_id
       WHERE d.blob_key > ? ORDER BY d.blob_key LIMIT ?`,
      after,
      limit,
    );
    const keys = rows.filter((row) => row['stale'] === 1).map((row) => row['blob_key'] as BlobKey);
    return { keys, last: (rows.at(-1)?.['blob_key'] as BlobKey | undefined) ?? null };
  },
};

function drop(sql: SqlTransaction, key: BlobKey): boolean {
  count(sql, key, -1);
  return sql.run('DELETE FROM lading_derived WHERE blob_key = ?', key) === 1;
}

/** A file without bytes counts nowhere, as with attachments. */
function count(sql: SqlTransaction, key: BlobKey, by: 1 | -1): void {
  sql.run(
    `INSERT INTO lading_usage (account_id, bytes, blobs, evictable_bytes)
     SELECT account_id, byte_size * ?, ?, byte_size * ? FROM lading_derived
     WHERE blob_key = ? AND byte_size > 0
     ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes,
       blobs = blobs + excluded.blobs, evictable_bytes = evictable_bytes + excluded.evictable_bytes`,
    by,
    by,
    by,
    key,
  );
}
