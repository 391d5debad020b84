import type { AccountRows, ForgettingPhase } from '../../ports/account-rows.ts';
import { accountPrefix } from '../../ports/blob-store.ts';
import { CHECKPOINT, TOMBSTONE } from '../../ports/compacted.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { objectKey } from '../../ports/remote.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { ACCOUNT_EPOCH } from '../account-epoch.ts';
import { FORGET_MARK as MARK } from '../forget-mark.ts';
import { HEALED } from '../healing-marks.ts';
import { GARBAGE_STATE } from './garbage-table.ts';

/**
 * Streams of an account by any row that names it: a projection that was damaged must not keep the log alive, and a
 * tombstone has nothing else.
 */
const STREAMS = `
  SELECT media_id AS stream FROM lading_media WHERE account_id = ? AND media_id > ?
  UNION SELECT media_id FROM lading_ref WHERE account_id = ? AND media_id > ?
  UNION SELECT media_id FROM lading_job WHERE account_id = ? AND media_id > ?
  UNION SELECT e.stream FROM lading_stream AS s JOIN lading_event AS e ON e.stream = s.stream
    WHERE s.machine = 'attachment' AND e.type IN ('attachment.created', '${CHECKPOINT}', '${TOMBSTONE}')
      AND coalesce(e.payload -> 'input' ->> 'accountId', e.payload -> 'context' ->> 'accountId',
        e.payload ->> 'accountId') = ? AND s.stream > ?
  ORDER BY 1 LIMIT ?`;

const TABLES_BY_STREAM = [
  'lading_event',
  'lading_snapshot',
  'lading_task',
  'lading_checkpoint',
  'lading_stream',
] as const;
const TABLES_BY_MEDIA = [
  'lading_ref',
  'lading_job',
  'lading_outbox',
  'lading_derived',
  'lading_media',
] as const;
const TABLES_BY_ACCOUNT = [
  'lading_outbox',
  'lading_cursor',
  'lading_usage',
  'lading_blob',
  'lading_derived',
] as const;

/** Everything of one account in one database; every function is one SQL operation, or one for each table. */
export function accountRows(database: SqlDatabase): AccountRows {
  return {
    begin({ sql }, accountId, epoch) {
      sql.run(
        `INSERT INTO lading_meta (key, value)
         SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM lading_meta WHERE key = ? AND value = 'delete')
         ON CONFLICT (key) DO NOTHING`,
        `${ACCOUNT_EPOCH}${accountId}`,
        epoch,
        `${MARK}${accountId}`,
      );
    },

    unsent({ sql }, accountId) {
      const uploads = sql.get(
        `SELECT count(*) AS n FROM lading_media
         WHERE account_id = ? AND origin = 'here' AND has_bytes = 1 AND url IS NULL
           AND coalesce(facts ->> 'gone', 0) = 0`,
        accountId,
      );
      const ops = sql.get(
        'SELECT count(*) AS n FROM lading_outbox WHERE account_id = ?',
        accountId,
      );
      return { uploads: Number(uploads?.['n'] ?? 0), ops: Number(ops?.['n'] ?? 0) };
    },

    isHeldElsewhere: ({ sql }, accountId, { runner, now }) =>
      sql.get(
        `SELECT 1 AS found FROM lading_task AS t
         JOIN lading_media AS m ON m.media_id = t.stream
         JOIN lading_runner AS r ON r.runner = t.runner
         WHERE m.account_id = ? AND r.runner IS NOT ? AND r.expires_at > ? LIMIT 1`,
        accountId,
        runner,
        now,
      ) !== undefined,

    mark({ sql }, accountId, phase) {
      sql.run(
        `INSERT INTO lading_meta (key, value) VALUES (?, ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        `${MARK}${accountId}`,
        phase,
      );
      if (phase !== 'delete') return;
      sql.run('DELETE FROM lading_meta WHERE key = ?', `${ACCOUNT_EPOCH}${accountId}`);
    },

    unmark({ sql }, accountId) {
      sql.run("DELETE FROM lading_meta WHERE key = ? AND value = 'scrub'", `${MARK}${accountId}`);
    },

    marked: ({ sql }) =>
      sql
        .all(
          'SELECT key, value FROM lading_meta WHERE substr(key, 1, ?) = ? ORDER BY key',
          MARK.length,
          MARK,
        )
        .map((row) => ({
          accountId: String(row['key']).slice(MARK.length),
          phase: String(row['value']) as ForgettingPhase,
        })),

    streams: ({ sql }, accountId, after, limit) =>
      sql
        .all(STREAMS, ...[1, 2, 3, 4].flatMap(() => [accountId, after]), limit)
        .map((row) => String(row['stream']) as StreamId),

    dropStream({ sql }, stream) {
      for (const table of TABLES_BY_STREAM) {
        sql.run(`DELETE FROM ${table} WHERE stream = ?`, stream);
      }
      for (const table of TABLES_BY_MEDIA) {
        sql.run(`DELETE FROM ${table} WHERE media_id = ?`, stream);
      }
      sql.run(
        "DELETE FROM lading_garbage WHERE kind IN ('root', 'checkpoint') AND key = ?",
        stream,
      );
    },

    dropRest({ sql }, accountId) {
      for (const table of TABLES_BY_ACCOUNT) {
        sql.run(`DELETE FROM ${table} WHERE account_id = ?`, accountId);
      }
      const prefix = accountPrefix(accountId);
      sql.run('DELETE FROM lading_hold WHERE substr(blob_key, 1, ?) = ?', prefix.length, prefix);
      // Marks are keyed by files, and by objects at the remote; where the collector stands is a key of a file, too.
      for (const begin of [prefix, objectKey(accountId, '')]) {
        sql.run('DELETE FROM lading_garbage WHERE substr(key, 1, ?) = ?', begin.length, begin);
      }
      for (const key of [GARBAGE_STATE, HEALED]) {
        sql.run('DELETE FROM lading_meta WHERE key = ?', key + accountId);
      }
    },

    // Deleted content was overwritten as it was deleted (`secure_delete`); earlier pages stand in the write-ahead log.
    scrub: () => database.get('PRAGMA wal_checkpoint(TRUNCATE)')?.['busy'] !== 1,
  };
}
