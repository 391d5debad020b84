import type { MediaId } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { StreamId, TaskKind } from '../../ports/event-store.ts';
import {
  type GarbageKind,
  type GarbageMark,
  type GarbageTable,
  REMOVAL_BEGUN,
} from '../../ports/garbage-table.ts';
import type { SqlRow } from '../../ports/sql.ts';

/** Key in `lading_meta` of where the collector of an account stands. */
export const GARBAGE_STATE = 'garbage:';
const MARK_COLUMNS = 'kind, key, reason, found_at';

/** Resume data whose attachment has no upload job: sent, given up for good, or gone. */
const IDLE_CHECKPOINT = `FROM lading_checkpoint AS c
  WHERE NOT EXISTS (SELECT 1 FROM lading_job AS j WHERE j.media_id = c.stream)`;

/** What garbage collection sees of the rows; every function is one SQL operation. */
export const garbageTable: GarbageTable = {
  mark({ sql }, { kind, key, reason, foundAt }) {
    sql.run(
      `INSERT INTO lading_garbage (${MARK_COLUMNS}) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET
         reason = CASE reason WHEN '${REMOVAL_BEGUN}' THEN reason ELSE excluded.reason END,
         found_at = min(found_at, excluded.found_at)`,
      kind,
      key,
      reason,
      foundAt,
    );
  },

  unmark({ sql }, kind, key) {
    sql.run('DELETE FROM lading_garbage WHERE kind = ? AND key = ?', kind, key);
  },

  marked({ sql }, kind, key) {
    const row = sql.get(
      `SELECT ${MARK_COLUMNS} FROM lading_garbage WHERE kind = ? AND key = ?`,
      kind,
      key,
    );
    return row === undefined ? undefined : toMark(row);
  },

  marks: ({ sql }, kind, after, limit) =>
    sql
      .all(
        `SELECT ${MARK_COLUMNS} FROM lading_garbage WHERE kind = ? AND key > ? ORDER BY key LIMIT ?`,
        kind,
        after,
        limit,
      )
      .map(toMark),

  isNeeded: ({ sql }, key, now) =>
    sql.get(
      `SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM lading_blob WHERE blob_key = ?)
         OR EXISTS (SELECT 1 FROM lading_derived WHERE blob_key = ?)
         OR EXISTS (SELECT 1 FROM lading_hold WHERE blob_key = ? AND until > ?)
         OR EXISTS (SELECT 1 FROM lading_media
           WHERE blob_key = ? AND has_bytes = 0 AND url IS NULL AND facts ->> 'local' = 'missing')`,
      key,
      key,
      key,
      now,
      key,
    ) !== undefined,

  heldFiles: ({ sql }, accountId, after, limit) =>
    sql
      .all(
        'SELECT blob_key FROM lading_blob WHERE blob_key > ? AND account_id = ? ORDER BY blob_key LIMIT ?',
        after,
        accountId,
        limit,
      )
      .map((row) => String(row['blob_key']) as BlobKey),

  holders: ({ sql }, key) =>
    sql
      .all('SELECT media_id FROM lading_media WHERE blob_key = ? AND has_bytes = 1', key)
      .map(toMediaId),

  dropHolds: ({ sql }, now, longestMs) =>
    sql.run('DELETE FROM lading_hold WHERE until <= ? OR until > ?', now, now + longestMs),

  idleCheckpoints: ({ sql }, after, limit) =>
    sql
      .all(
        `SELECT c.stream ${IDLE_CHECKPOINT} AND c.stream > ? ORDER BY c.stream LIMIT ?`,
        after,
        limit,
      )
      .map((row) => String(row['stream']) as StreamId),

  isIdleCheckpoint: ({ sql }, stream) =>
    sql.get(`SELECT 1 AS found ${IDLE_CHECKPOINT} AND c.stream = ?`, stream) !== undefined,

  strayTasks({ sql }, after, limit) {
    const rows = sql.all(
      `SELECT t.stream, t.kind, t.name,
         s.stream IS NULL OR (s.status = 'done' AND t.kind <> 'action') AS stray
       FROM lading_task AS t LEFT JOIN lading_stream AS s ON s.stream = t.stream
       WHERE t.stream > ? ORDER BY t.stream, t.kind, t.name LIMIT ?`,
      after,
      limit,
    );
    const last = rows.length < limit ? null : (rows.at(-1)?.['stream'] as StreamId);
    const found = rows
      .filter((row) => row['stray'] === 1)
      .map((row) => ({
        stream: String(row['stream']) as StreamId,
        kind: String(row['kind']) as TaskKind,
        name: String(row['name']),
      }));
    return { found, last };
  },

  withUrl: ({ sql }, accountId, url) =>
    sql
      .all('SELECT media_id FROM lading_media WHERE account_id = ? AND url = ?', accountId, url)
      .map(toMediaId),

  inList: ({ sql }, ownerKey, after, limit) =>
    sql
      .all(
        'SELECT media_id FROM lading_ref WHERE owner_key = ? AND media_id > ? ORDER BY media_id LIMIT ?',
        ownerKey,
        after,
        limit,
      )
      .map(toMediaId),

  keepObject({ sql }, mediaId, now) {
    sql.run(
      `UPDATE lading_outbox SET op = json_set(op, '$.keepObject', json('true'))
       WHERE media_id = ? AND due_at > ? AND created_at <= ? AND attempts = 0
         AND op ->> 'type' = 'ref.delete'`,
      mediaId,
      now,
      now,
    );
  },

  // Keys of owners begin with their account.
  hasRefs({ sql }, accountId) {
    const account = encodeURIComponent(accountId);
    const found = sql.get(
      'SELECT 1 AS found FROM lading_ref WHERE owner_key >= ? AND owner_key < ? LIMIT 1',
      `${account}/`,
      `${account}0`, // '0' is the character after '/'
    );
    return found !== undefined;
  },

  perhapsReferenced: ({ sql }, accountId, limit) =>
    sql
      .all(
        `SELECT media_id FROM lading_media
         WHERE blob_key IS NOT NULL AND has_bytes = 1 AND account_id = ?
           AND facts ->> 'situation' IN (${REFERENCED.map(() => '?').join(', ')}) LIMIT ?`,
        accountId,
        ...REFERENCED,
        limit,
      )
      .map(toMediaId),

  load({ sql }, accountId) {
    const row = sql.get(
      'SELECT value FROM lading_meta WHERE key = ?',
      `${GARBAGE_STATE}${accountId}`,
    );
    return row === undefined ? null : (JSON.parse(String(row['value'])) as Json);
  },

  save({ sql }, accountId, state) {
    sql.run(
      `INSERT INTO lading_meta (key, value) VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      `${GARBAGE_STATE}${accountId}`,
      JSON.stringify(state),
    );
  },
};

/** Situations in which an attachment has a ref, but for a draft that a delta has told the locator of. */
const REFERENCED = [
  'awaitingAuthor',
  'queued',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
  'uploaded',
  'failed',
] as const;

function toMark(row: SqlRow): GarbageMark {
  return {
    kind: String(row['kind']) as GarbageKind,
    key: String(row['key']),
    reason: String(row['reason']),
    foundAt: Number(row['found_at']),
  };
}

function toMediaId(row: SqlRow): MediaId {
  return String(row['media_id']) as MediaId;
}
