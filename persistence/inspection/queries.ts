import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { SqlRow } from '../../ports/sql.ts';

/**
 * Questions that only somebody asks who looks at a database from outside: over all accounts, in the order of ids.
 * Each is one SQL operation that reads.
 */

/** One attachment as its rows have it. */
export interface MediaRow {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly kind: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly filename: string | null;
  readonly capturedAt: number;
  readonly facts: AttachmentFacts;
}

const MEDIA = `SELECT media_id, account_id, kind, content_type, byte_size, filename, captured_at, facts
  FROM lading_media`;

/** Up to `limit` attachments with ids after `after` (`''`: from the beginning). */
export function mediaAfter(
  tx: StoreTransaction,
  after: string,
  limit: number,
): readonly MediaRow[] {
  return tx.sql
    .all(`${MEDIA} WHERE media_id > ? ORDER BY media_id LIMIT ?`, after, limit)
    .map(toMedia);
}

export function mediaOf(tx: StoreTransaction, mediaId: string): MediaRow | undefined {
  const row = tx.sql.get(`${MEDIA} WHERE media_id = ?`, mediaId);
  return row === undefined ? undefined : toMedia(row);
}

/** Ids of attachments that begin with `prefix`. */
export function idsWithPrefix(
  tx: StoreTransaction,
  prefix: string,
  limit: number,
): readonly string[] {
  return tx.sql
    .all(
      `SELECT stream FROM lading_stream
       WHERE machine = 'attachment' AND substr(stream, 1, ?) = ? ORDER BY stream LIMIT ?`,
      prefix.length,
      prefix,
      limit,
    )
    .map((row) => String(row['stream']));
}

export interface OwnerRow {
  readonly accountId: string;
  readonly projectId: string | null;
  readonly entityType: string;
  readonly entityId: string;
  readonly field: string;
}

export function ownersOf(tx: StoreTransaction, mediaId: string): readonly OwnerRow[] {
  return tx.sql
    .all(
      `SELECT account_id, project_id, entity_type, entity_id, field FROM lading_ref
       WHERE media_id = ? ORDER BY owner_key`,
      mediaId,
    )
    .map((row) => ({
      accountId: String(row['account_id']),
      projectId: row['project_id'] === null ? null : String(row['project_id']),
      entityType: String(row['entity_type']),
      entityId: String(row['entity_id']),
      field: String(row['field']),
    }));
}

export interface AccountRow {
  readonly accountId: string;
  readonly usedBytes: number;
  readonly files: number;
  readonly evictableBytes: number;
  readonly outbox: number;
  /** When the oldest op of the outbox was written; null when there is none. */
  readonly oldestOpAt: number | null;
  /** Ops that failed alone and were put off. */
  readonly postponedOps: number;
  /** The change of the newest row that came from the backend; null before the first. */
  readonly syncedUpTo: number | null;
}

/** All accounts that have anything here. */
export function accounts(tx: StoreTransaction): readonly AccountRow[] {
  return tx.sql
    .all(
      `SELECT a.account_id, coalesce(u.bytes, 0) AS bytes, coalesce(u.blobs, 0) AS blobs,
         coalesce(u.evictable_bytes, 0) AS evictable,
         (SELECT count(*) FROM lading_outbox AS o WHERE o.account_id = a.account_id) AS ops,
         (SELECT min(created_at) FROM lading_outbox AS o WHERE o.account_id = a.account_id) AS oldest,
         (SELECT count(*) FROM lading_outbox AS o
          WHERE o.account_id = a.account_id AND o.attempts > 0) AS postponed,
         (SELECT max(updated_at) FROM lading_cursor AS c WHERE c.account_id = a.account_id) AS synced
       FROM (SELECT account_id FROM lading_media UNION SELECT account_id FROM lading_usage
             UNION SELECT account_id FROM lading_outbox UNION SELECT account_id FROM lading_cursor) AS a
       LEFT JOIN lading_usage AS u ON u.account_id = a.account_id ORDER BY a.account_id`,
    )
    .map((row) => ({
      accountId: String(row['account_id']),
      usedBytes: Number(row['bytes']),
      files: Number(row['blobs']),
      evictableBytes: Number(row['evictable']),
      outbox: Number(row['ops']),
      oldestOpAt: numberOrNull(row['oldest']),
      postponedOps: Number(row['postponed']),
      syncedUpTo: numberOrNull(row['synced']),
    }));
}

export interface RunTask {
  readonly stream: string;
  readonly name: string;
  readonly runner: string | null;
  readonly buried: string | null;
}

/** Services that runners hold, and tasks that were set aside. */
export function runTasks(tx: StoreTransaction): readonly RunTask[] {
  return tx.sql
    .all(
      `SELECT stream, name, runner, buried FROM lading_task
       WHERE runner IS NOT NULL OR buried IS NOT NULL ORDER BY stream, name`,
    )
    .map((row) => ({
      stream: String(row['stream']),
      name: String(row['name']),
      runner: row['runner'] === null ? null : String(row['runner']),
      buried: row['buried'] === null ? null : String(row['buried']),
    }));
}

/** Ops of one attachment that the backend has not answered. */
export function opsOf(
  tx: StoreTransaction,
  mediaId: string,
): readonly {
  readonly type: string;
  readonly createdAt: number;
  readonly dueAt: number;
  readonly attempts: number;
}[] {
  return tx.sql
    .all(
      `SELECT op ->> 'type' AS type, created_at, due_at, attempts FROM lading_outbox
       WHERE media_id = ? ORDER BY seq`,
      mediaId,
    )
    .map((row) => ({
      type: String(row['type']),
      createdAt: Number(row['created_at']),
      dueAt: Number(row['due_at']),
      attempts: Number(row['attempts']),
    }));
}

/** The newest events of all streams, newest first. */
export function newestEvents(
  tx: StoreTransaction,
  limit: number,
): readonly { readonly stream: string; readonly type: string; readonly at: number }[] {
  return tx.sql
    .all('SELECT stream, type, at FROM lading_event ORDER BY position DESC LIMIT ?', limit)
    .map((row) => ({
      stream: String(row['stream']),
      type: String(row['type']),
      at: Number(row['at']),
    }));
}

function toMedia(row: SqlRow): MediaRow {
  return {
    mediaId: String(row['media_id']) as MediaId,
    accountId: String(row['account_id']),
    kind: String(row['kind']),
    contentType: String(row['content_type']),
    sizeBytes: Number(row['byte_size']),
    filename: row['filename'] === null ? null : String(row['filename']),
    capturedAt: Number(row['captured_at']),
    facts: JSON.parse(String(row['facts'])) as AttachmentFacts,
  };
}

function numberOrNull(value: SqlRow[string] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
