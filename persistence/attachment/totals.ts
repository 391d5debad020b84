import type { AttachmentAudit } from '../../ports/attachment-tables.ts';
import type { SqlRow } from '../../ports/sql.ts';

/** Projections that have rows by attachment. */
export const STREAM_TABLES = ['lading_media', 'lading_ref', 'lading_job'] as const;

/** Files as the media rows have them; an attachment that could be evicted is `isEvictableNow` of the machine's facts. */
const BLOBS = `SELECT blob_key, min(account_id) AS account_id, min(sha256) AS sha256, min(byte_size) AS byte_size,
    count(*) AS holders,
    sum(CASE WHEN url IS NOT NULL AND facts ->> 'error' IS NULL AND facts ->> 'local' = 'present'
      AND coalesce(facts ->> 'pinned', 0) = 0 THEN 1 ELSE 0 END) AS evictable,
    max(captured_at) AS opened_at
  FROM lading_media WHERE has_bytes = 1 AND blob_key IS NOT NULL GROUP BY blob_key`;

/** What follows from the log; when a file was last opened does not. */
const BLOB_COLUMNS = ['account_id', 'sha256', 'byte_size', 'holders', 'evictable'] as const;

/** Usage as the media rows have it; zero rows stay, since accounts do. */
const USAGE = `SELECT a.account_id AS account_id, coalesce(sum(b.byte_size), 0) AS bytes,
    coalesce(sum(b.byte_size > 0), 0) AS blobs,
    coalesce(sum(CASE WHEN b.evictable = b.holders THEN b.byte_size END), 0) AS evictable_bytes
  FROM (SELECT account_id FROM lading_media UNION SELECT account_id FROM lading_derived) AS a
  LEFT JOIN (SELECT account_id, byte_size, holders, evictable FROM (${BLOBS})
    UNION ALL SELECT account_id, byte_size, 1, 1 FROM lading_derived) AS b
  ON b.account_id = a.account_id GROUP BY a.account_id`;

export const compareTotals: AttachmentAudit['compareTotals'] = ({ sql }) => {
  const strays = STREAM_TABLES.flatMap((table) =>
    sql
      .all(
        `SELECT DISTINCT media_id FROM ${table} AS t
         WHERE NOT EXISTS (SELECT 1 FROM lading_stream AS s WHERE s.stream = t.media_id)`,
      )
      .map((row) => `${table} has rows of ${String(row['media_id'])}, which has no stream`),
  );
  // A key names its account: it is not repeated (contract 10.7).
  const files = sql
    .all(
      `SELECT ${BLOB_COLUMNS.map((name) => `s.${name} IS NOT m.${name} AS ${name}`).join(', ')}
       FROM (${BLOBS}) AS m FULL JOIN lading_blob AS s ON s.blob_key = m.blob_key`,
    )
    .map((row) => BLOB_COLUMNS.filter((name) => row[name] === 1))
    .filter((wrong) => wrong.length > 0);
  const usage = sql
    .all(
      `SELECT a.account_id, ${['bytes', 'blobs', 'evictable_bytes']
        .map(
          (name) => `coalesce(u.${name}, 0) AS stored_${name}, coalesce(m.${name}, 0) AS ${name}`,
        )
        .join(', ')}
       FROM (SELECT account_id FROM lading_usage UNION SELECT account_id FROM lading_media
         UNION SELECT account_id FROM lading_derived) AS a
       LEFT JOIN lading_usage AS u ON u.account_id = a.account_id
       LEFT JOIN (${USAGE}) AS m ON m.account_id = a.account_id`,
    )
    .map((row) => ({ row, stored: usageText(row, 'stored_'), counted: usageText(row, '') }))
    .filter(({ stored, counted }) => stored !== counted)
    .map(
      ({ row, stored, counted }) =>
        `lading_usage of ${String(row['account_id'])}: stored ${stored}, the rows say ${counted}`,
    );
  return [
    ...strays,
    ...(files.length === 0
      ? []
      : [
          `lading_blob differs from the rows in ${[...new Set(files.flat())].join(', ')}, for ${files.length} files`,
        ]),
    ...usage,
  ];
};

function usageText(row: SqlRow, prefix: '' | 'stored_'): string {
  const [bytes, blobs, evictable] = ['bytes', 'blobs', 'evictable_bytes'].map((name) =>
    Number(row[`${prefix}${name}`]),
  );
  return `${bytes} bytes in ${blobs} files, ${evictable} evictable`;
}

export const repairTotals: AttachmentAudit['repairTotals'] = ({ sql }) => {
  for (const table of STREAM_TABLES) {
    sql.run(
      `DELETE FROM ${table}
       WHERE NOT EXISTS (SELECT 1 FROM lading_stream AS s WHERE s.stream = ${table}.media_id)`,
    );
  }
  sql.run(
    `DELETE FROM lading_blob WHERE NOT EXISTS (
       SELECT 1 FROM lading_media AS m WHERE m.blob_key = lading_blob.blob_key AND m.has_bytes = 1)`,
  );
  sql.run(
    `INSERT INTO lading_blob (blob_key, account_id, sha256, byte_size, holders, evictable, opened_at) ${BLOBS}
     ON CONFLICT (blob_key) DO UPDATE SET
       ${BLOB_COLUMNS.map((name) => `${name} = excluded.${name}`).join(', ')}`,
  );
  sql.run('DELETE FROM lading_usage');
  sql.run(`INSERT INTO lading_usage (account_id, bytes, blobs, evictable_bytes) ${USAGE}`);
};
