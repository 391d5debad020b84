import type { AttachmentAudit } from '../../ports/attachment-tables.ts';

/** Projections that have rows by attachment. */
export const STREAM_TABLES = ['lading_media', 'lading_ref', 'lading_job'] as const;

/** Usage as the media rows have it; zero rows stay, since accounts do. */
const USAGE = `SELECT account_id,
    sum(CASE WHEN has_bytes = 1 THEN byte_size ELSE 0 END) AS bytes,
    sum(CASE WHEN has_bytes = 1 AND byte_size > 0 THEN 1 ELSE 0 END) AS blobs
  FROM lading_media GROUP BY account_id`;

export const compareTotals: AttachmentAudit['compareTotals'] = ({ sql }) => {
  const strays = STREAM_TABLES.flatMap((table) =>
    sql
      .all(
        `SELECT DISTINCT media_id FROM ${table} AS t
         WHERE NOT EXISTS (SELECT 1 FROM lading_stream AS s WHERE s.stream = t.media_id)`,
      )
      .map((row) => `${table} has rows of ${String(row['media_id'])}, which has no stream`),
  );
  const usage = sql
    .all(
      `SELECT a.account_id, coalesce(u.bytes, 0) AS stored_bytes, coalesce(u.blobs, 0) AS stored_blobs,
         coalesce(m.bytes, 0) AS bytes, coalesce(m.blobs, 0) AS blobs
       FROM (SELECT account_id FROM lading_usage UNION SELECT account_id FROM lading_media) AS a
       LEFT JOIN lading_usage AS u ON u.account_id = a.account_id
       LEFT JOIN (${USAGE}) AS m ON m.account_id = a.account_id`,
    )
    .filter((row) => row['stored_bytes'] !== row['bytes'] || row['stored_blobs'] !== row['blobs'])
    .map((row) => {
      const [stored, counted] = ['stored_', ''].map(
        (prefix) =>
          `${Number(row[`${prefix}bytes`])} bytes in ${Number(row[`${prefix}blobs`])} files`,
      );
      return `lading_usage of ${String(row['account_id'])}: stored ${stored}, the rows say ${counted}`;
    });
  return [...strays, ...usage];
};

export const repairTotals: AttachmentAudit['repairTotals'] = ({ sql }) => {
  for (const table of STREAM_TABLES) {
    sql.run(
      `DELETE FROM ${table}
       WHERE NOT EXISTS (SELECT 1 FROM lading_stream AS s WHERE s.stream = ${table}.media_id)`,
    );
  }
  sql.run('DELETE FROM lading_usage');
  sql.run(`INSERT INTO lading_usage (account_id, bytes, blobs) ${USAGE}`);
};
