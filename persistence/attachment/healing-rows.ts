import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { HealingRows, KnownBytes } from '../../ports/healing-rows.ts';
import type { SqlRow } from '../../ports/sql.ts';
import { BEGUN_AT, HEALED, RECOVERED_AT } from '../healing-marks.ts';

/** What looking after bytes at rest reads; every function is one SQL operation. */
export const healingRows: HealingRows = {
  unsent: ({ sql }, accountId, after, limit) =>
    sql
      .all(
        `SELECT media_id, blob_key, byte_size FROM lading_media
         WHERE account_id = ? AND has_bytes = 1 AND url IS NULL AND media_id > ? AND blob_key IS NOT NULL
         ORDER BY media_id LIMIT ?`,
        accountId,
        after,
        limit,
      )
      .map(toKnown),

  lost: ({ sql }, accountId, after, limit) =>
    sql
      .all(
        `SELECT m.media_id, m.blob_key, m.byte_size
         FROM lading_job AS j JOIN lading_media AS m ON m.media_id = j.media_id
         WHERE j.account_id = ? AND j.situation = 'failed' AND j.media_id > ?
           AND m.has_bytes = 0 AND m.blob_key IS NOT NULL
         ORDER BY j.media_id LIMIT ?`,
        accountId,
        after,
        limit,
      )
      .map(toKnown),

  someFiles: ({ sql }, limit) =>
    sql
      .all(
        'SELECT DISTINCT blob_key FROM lading_media WHERE has_bytes = 1 AND blob_key IS NOT NULL LIMIT ?',
        limit,
      )
      .map((row) => String(row['blob_key']) as BlobKey),

  begunAt: ({ sql }) =>
    Number(sql.get('SELECT value FROM lading_meta WHERE key = ?', BEGUN_AT)?.['value'] ?? 0),

  endRecovery({ sql }, accountId) {
    sql.run(
      `INSERT INTO lading_meta (key, value) SELECT ?, value FROM lading_meta WHERE key = ?
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      HEALED + accountId,
      RECOVERED_AT,
    );
  },

  pullAnew({ sql }, accountId) {
    sql.run('DELETE FROM lading_cursor WHERE account_id = ?', accountId);
  },
};

function toKnown(row: SqlRow): KnownBytes {
  return {
    mediaId: String(row['media_id']) as MediaId,
    blobKey: String(row['blob_key']) as BlobKey,
    byteSize: Number(row['byte_size']),
  };
}
