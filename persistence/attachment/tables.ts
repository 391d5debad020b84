import { type AttachmentFacts, factsOf } from '../../machines/attachment/facts.ts';
import { refOf } from '../../machines/attachment/ref-of.ts';
import { expanded } from '../../machines/attachment/tombstone.ts';
import type { AttachmentKind, AttachmentOrigin, MediaId } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import type { AttachmentTables, MediaRecord, RefRecord } from '../../ports/attachment-tables.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import { TOMBSTONE } from '../../ports/compacted.ts';
import type { SqlRow, SqlTransaction } from '../../ports/sql.ts';
import { countBlob } from './count-blob.ts';
import {
  type AttachmentRows,
  JOB_COLUMNS,
  MEDIA_COLUMNS,
  REF_COLUMNS,
  rowsOf,
  type Values,
} from './rows.ts';

const REF_SELECT = `SELECT r.owner_key, r.media_id, r.account_id, r.project_id, r.entity_type, r.entity_id,
    r.field, r.rank, r.is_primary, m.kind, m.content_type, m.byte_size, m.sha256, m.filename, m.url, m.facts
  FROM lading_ref AS r JOIN lading_media AS m ON m.media_id = r.media_id`;

/** The projections of attachments on SQLite. */
export const attachmentTables: AttachmentTables = {
  project({ sql }, before, after) {
    const old = before === null ? null : rowsOf(before);
    const rows = rowsOf(after);
    if (rows.media === null) remove(sql, 'lading_media', rows.mediaId);
    else change(sql, 'lading_media', MEDIA_COLUMNS, old?.media, rows.media);
    projectRefs(sql, old, rows);
    if (rows.job === null) {
      if (old?.job != null) remove(sql, 'lading_job', rows.mediaId);
    } else change(sql, 'lading_job', JOB_COLUMNS, old?.job, rows.job);
    countBlob(sql, rows.mediaId, old?.blob ?? null, rows.blob);
  },

  media({ sql }, mediaId) {
    const row = sql.get(`SELECT ${MEDIA_COLUMNS} FROM lading_media WHERE media_id = ?`, mediaId);
    return row === undefined ? buried(sql, mediaId) : toMedia(row);
  },

  refsOfOwner: ({ sql }, key) =>
    sql.all(`${REF_SELECT} WHERE r.owner_key = ? ORDER BY r.rank, r.media_id`, key).map(toRef),

  refsOfEntity({ sql }, { scope, entityType, entityId }) {
    const prefix = `${[scope.accountId, scope.projectId ?? '', entityType, entityId]
      .map(encodeURIComponent)
      .join('/')}/`;
    return sql
      .all(
        `${REF_SELECT} WHERE r.owner_key >= ? AND r.owner_key < ? ORDER BY r.owner_key, r.rank, r.media_id`,
        prefix,
        `${prefix.slice(0, -1)}0`, // '0' is the character after '/'
      )
      .map(toRef);
  },

  jobs: ({ sql }, accountId, situation, limit) =>
    sql
      .all(
        `SELECT media_id FROM lading_job
         WHERE account_id = ? AND situation = ? ORDER BY since, media_id LIMIT ?`,
        accountId,
        situation,
        limit,
      )
      .map((row) => String(row['media_id']) as MediaId),

  // Asked for with each upload that begins: one statement, by indexes.
  underWay: ({ sql }, accountId) =>
    sql
      .all(
        `SELECT j.media_id, j.situation, json_extract(m.facts, '$.unmetered') AS unmetered,
           t.stream, t.runner, t.buried
         FROM lading_job AS j
         JOIN lading_media AS m ON m.media_id = j.media_id
         LEFT JOIN lading_task AS t
           ON t.stream = j.media_id AND t.kind = 'invoke' AND t.name IN ('upload', 'attach')
         WHERE j.account_id = ? AND j.situation IN ('uploading', 'attaching')
         ORDER BY j.since, j.media_id LIMIT 1000`,
        accountId,
      )
      .map((row) => ({
        mediaId: String(row['media_id']) as MediaId,
        unmetered: row['situation'] === 'uploading' && row['unmetered'] === 1,
        task:
          row['stream'] === null
            ? null
            : {
                runner: row['runner'] === null ? null : String(row['runner']),
                isBuried: row['buried'] !== null,
              },
      })),

  countJobs: ({ sql }, accountId) =>
    Object.fromEntries(
      sql
        .all(
          'SELECT situation, count(*) AS n FROM lading_job WHERE account_id = ? GROUP BY situation',
          accountId,
        )
        .map((row) => [String(row['situation']), Number(row['n'])]),
    ),

  pendingBytes: ({ sql }, accountId) =>
    Number(
      sql.get(
        `SELECT coalesce(sum(m.byte_size), 0) AS bytes
         FROM lading_job AS j JOIN lading_media AS m ON m.media_id = j.media_id
         WHERE j.account_id = ? AND j.situation IN
           ('queued', 'held', 'unmetered', 'waiting', 'awaitingCredentials', 'uploading', 'attaching', 'failed')`,
        accountId,
      )?.['bytes'] ?? 0,
    ),

  usage({ sql }, accountId) {
    const row = sql.get(
      'SELECT bytes, blobs, evictable_bytes FROM lading_usage WHERE account_id = ?',
      accountId,
    );
    return {
      bytes: Number(row?.['bytes'] ?? 0),
      blobs: Number(row?.['blobs'] ?? 0),
      evictableBytes: Number(row?.['evictable_bytes'] ?? 0),
    };
  },

  // One row an account.
  totalBytes: ({ sql }) =>
    Number(sql.get('SELECT coalesce(sum(bytes), 0) AS bytes FROM lading_usage')?.['bytes'] ?? 0),
};

function projectRefs(sql: SqlTransaction, old: AttachmentRows | null, rows: AttachmentRows): void {
  for (const [key, values] of rows.refs) {
    if (!same(old?.refs.get(key), values)) put(sql, 'lading_ref', REF_COLUMNS, values);
  }
  for (const [key, values] of old?.refs ?? []) {
    if (rows.refs.has(key)) continue;
    sql.run('DELETE FROM lading_ref WHERE owner_key = ? AND media_id = ?', key, values[1] ?? null);
  }
}

/**
 * Writes what differs from the row of before, so that only those indexes are written that it concerns: each page that is
 * touched is written in full by the commit. @param columns the first of them is the key.
 */
function change(
  sql: SqlTransaction,
  table: string,
  columns: string,
  old: Values | null | undefined,
  values: Values,
): void {
  if (old !== null && old !== undefined) {
    const names = columns.split(', ');
    const differing = names.flatMap((_, index) => (old[index] === values[index] ? [] : [index]));
    if (differing.length === 0) return;
    const sets = differing.map((index) => `${names[index]} = ?`).join(', ');
    const bound = [...differing, 0].map((index) => values[index] ?? null);
    if (sql.run(`UPDATE ${table} SET ${sets} WHERE ${names[0]} = ?`, ...bound) > 0) return;
  }
  put(sql, table, columns, values); // it is new, or was lost
}

export function put(sql: SqlTransaction, table: string, columns: string, values: Values): void {
  const places = values.map(() => '?').join(', ');
  sql.run(`INSERT OR REPLACE INTO ${table} (${columns}) VALUES (${places})`, ...values);
}

export function remove(sql: SqlTransaction, table: string, mediaId: string): void {
  sql.run(`DELETE FROM ${table} WHERE media_id = ?`, mediaId);
}

function same(a: Values | null | undefined, b: Values): boolean {
  return a?.every((value, index) => value === b[index]) === true;
}

function toMedia(row: SqlRow): MediaRecord {
  return {
    mediaId: String(row['media_id']) as MediaId,
    accountId: String(row['account_id']),
    origin: String(row['origin']) as AttachmentOrigin,
    media: mediaFactsOf(row),
    blobKey: textOf(row['blob_key']) as BlobKey | null,
    hasBytes: row['has_bytes'] === 1,
    url: textOf(row['url']),
    capturedAt: Number(row['captured_at']),
    facts: JSON.parse(String(row['facts'])) as AttachmentFacts,
  };
}

function toRef(row: SqlRow): RefRecord {
  const mediaId = String(row['media_id']) as MediaId;
  const isPrimary = row['is_primary'] === 1;
  return {
    mediaId,
    owner: {
      scope: { accountId: String(row['account_id']), projectId: textOf(row['project_id']) },
      entityType: String(row['entity_type']),
      entityId: String(row['entity_id']),
      field: String(row['field']),
    },
    ownerKey: String(row['owner_key']),
    rank: String(row['rank']),
    isPrimary,
    ref: refOf({ mediaId, url: textOf(row['url']), media: mediaFactsOf(row) }, { isPrimary }),
    facts: JSON.parse(String(row['facts'])) as AttachmentFacts,
  };
}

/** A tombstone has no row of its own: it is in the log alone, and says "gone" (contract 5.5). */
function buried(sql: SqlTransaction, mediaId: MediaId): MediaRecord | undefined {
  const row = sql.get(
    `SELECT at, payload FROM lading_event WHERE stream = ? AND type = '${TOMBSTONE}'`,
    mediaId,
  );
  if (row === undefined) return undefined;
  const kept = JSON.parse(String(row['payload'])) as JsonObject;
  const { value, context } = expanded(mediaId, kept, Number(row['at']));
  const { accountId, origin, media, capturedAt } = context;
  const facts = factsOf(value, context);
  const none = { blobKey: null, hasBytes: false, url: null };
  return { mediaId, accountId, origin, media, capturedAt, facts, ...none };
}

function mediaFactsOf(row: SqlRow): MediaRecord['media'] {
  return {
    kind: String(row['kind']) as AttachmentKind,
    contentType: String(row['content_type']),
    byteSize: Number(row['byte_size']),
    sha256: String(row['sha256']),
    filename: textOf(row['filename']),
  };
}

function textOf(value: SqlRow[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
