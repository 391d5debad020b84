import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { CacheTable } from '../../ports/blob-tables.ts';
import { derivedTable } from './derived-table.ts';

export const cacheTable: CacheTable = {
  opened({ sql }, key, at) {
    sql.run(
      'UPDATE lading_blob SET opened_at = ? WHERE blob_key = ? AND opened_at < ?',
      at,
      key,
      at,
    );
    sql.run(
      'UPDATE lading_derived SET opened_at = ? WHERE blob_key = ? AND opened_at < ?',
      at,
      key,
      at,
    );
  },

  clampOpened({ sql }, accountId, now) {
    sql.run(
      `UPDATE lading_blob SET opened_at = ?
       WHERE account_id = ? AND evictable = holders AND opened_at > ?`,
      now,
      accountId,
      now,
    );
    sql.run(
      'UPDATE lading_derived SET opened_at = ? WHERE account_id = ? AND opened_at > ?',
      now,
      accountId,
      now,
    );
  },

  unused: ({ sql }, accountId, before, limit) =>
    sql
      .all(
        `SELECT blob_key, byte_size, opened_at, 0 AS derived FROM lading_blob
         WHERE account_id = ? AND evictable = holders AND opened_at < ?
         UNION ALL
         SELECT blob_key, byte_size, opened_at, 1 FROM lading_derived
         WHERE account_id = ? AND opened_at < ?
         ORDER BY opened_at, blob_key LIMIT ?`,
        accountId,
        before,
        accountId,
        before,
        limit,
      )
      .map((row) => ({
        key: String(row['blob_key']) as BlobKey,
        byteSize: Number(row['byte_size']),
        isDerived: row['derived'] === 1,
      })),

  dropDerived: (tx, key) => derivedTable.drop(tx, key),

  holders: ({ sql }, key) =>
    sql
      .all('SELECT media_id FROM lading_media WHERE blob_key = ? AND has_bytes = 1', key)
      .map((row) => String(row['media_id']) as MediaId)
      .toSorted(),

  unusedBytes: ({ sql }) =>
    Number(sql.get('SELECT coalesce(sum(evictable_bytes), 0) AS n FROM lading_usage')?.['n'] ?? 0),

  accountsWithUnused: ({ sql }, first) =>
    sql
      .all(
        `SELECT account_id FROM lading_usage WHERE evictable_bytes > 0
         ORDER BY account_id = ? DESC, account_id`,
        first,
      )
      .map((row) => String(row['account_id'])),
};
