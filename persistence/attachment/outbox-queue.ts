import type { MediaId } from '../../machines/attachment/types.ts';
import type { OutboxQueue } from '../../ports/attachment-tables.ts';
import type { BackendOp } from '../../ports/backend.ts';
import { outboxTable } from './outbox-table.ts';

/** The outbox as sync empties it; every function is one SQL operation. */
export const outboxQueue: OutboxQueue = {
  count: (tx, accountId) => outboxTable.count(tx, accountId),

  postpone(tx, { mediaId, ownerKey: key, seq }, until) {
    tx.sql.run(
      `UPDATE lading_outbox SET due_at = max(due_at, ?), attempts = attempts + (seq = ?)
       WHERE media_id = ? AND owner_key = ? AND seq >= ?`,
      until,
      seq,
      mediaId,
      key,
      seq,
    );
  },

  due: (tx, accountId, now, limit) =>
    tx.sql
      .all(
        `SELECT seq, op_id, media_id, owner_key, op, attempts FROM lading_outbox
         WHERE account_id = ? AND (due_at <= ? OR created_at > ?) ORDER BY seq LIMIT ?`,
        accountId,
        now,
        now,
        limit,
      )
      .map((row) => ({
        seq: Number(row['seq']),
        opId: String(row['op_id']),
        mediaId: String(row['media_id']) as MediaId,
        ownerKey: String(row['owner_key']),
        op: JSON.parse(String(row['op'])) as BackendOp,
        attempts: Number(row['attempts']),
      })),

  nextDueAt(tx, accountId, now) {
    const row = tx.sql.get(
      `SELECT min(due_at) AS due,
         EXISTS (SELECT 1 FROM lading_outbox WHERE account_id = ? AND created_at > ?) AS skewed
       FROM lading_outbox WHERE account_id = ?`,
      accountId,
      now,
      accountId,
    );
    if (row?.['skewed'] === 1) return now;
    const due = row?.['due'];
    return due === null || due === undefined ? undefined : Number(due);
  },

  hasPending: (tx, mediaId, key) =>
    tx.sql.get(
      'SELECT 1 AS found FROM lading_outbox WHERE media_id = ? AND owner_key = ? LIMIT 1',
      mediaId,
      key,
    ) !== undefined,

  settle: (tx, opId) => tx.sql.run('DELETE FROM lading_outbox WHERE op_id = ?', opId) > 0,
};
