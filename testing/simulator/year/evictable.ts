import type { SqlRow } from '../../../ports/sql.ts';
import type { Device } from '../device.ts';

/** A file that nothing keeps here but the cache. */
export interface CachedFile {
  readonly blobKey: string;
  readonly byteSize: number;
  readonly openedAt: number;
}

/**
 * The files that could be evicted, by the rows of attachments and not by what is counted of them: all who hold one are
 * at the remote, and nobody pinned it or failed with it.
 */
export function cachedFiles({ sql }: Device): readonly CachedFile[] {
  const rows: readonly SqlRow[] =
    sql?.all(
      `SELECT m.blob_key, max(m.byte_size) AS byte_size, max(b.opened_at) AS opened_at
       FROM lading_media AS m LEFT JOIN lading_blob AS b ON b.blob_key = m.blob_key
       WHERE m.has_bytes = 1 GROUP BY m.blob_key
       HAVING min(m.url IS NOT NULL AND m.facts ->> 'error' IS NULL
         AND m.facts ->> 'local' = 'present' AND NOT m.facts ->> 'pinned')`,
    ) ?? [];
  return rows.map((row) => ({
    blobKey: String(row['blob_key']),
    byteSize: Number(row['byte_size']),
    openedAt: Number(row['opened_at']),
  }));
}
