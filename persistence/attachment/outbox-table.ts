import type { MediaId } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { OutboxTable } from '../../ports/attachment-tables.ts';
import type { BackendOp } from '../../ports/backend.ts';

/** The outbox; every function is one SQL operation. */
export const outboxTable: OutboxTable = {
  put(tx, { opId, accountId, op, at, dueAt }) {
    tx.sql.run(
      `INSERT INTO lading_outbox
         (op_id, account_id, media_id, owner_key, op, created_at, due_at, attempts)
       VALUES (?, ?, ?, ?, ?, ?, max(?, coalesce((
         SELECT max(due_at) FROM lading_outbox
         WHERE media_id = ? AND owner_key = ? AND attempts > 0), 0)), 0)`,
      opId,
      accountId,
      mediaIdOf(op),
      ownerKey(op.owner),
      JSON.stringify(op),
      at,
      dueAt,
      mediaIdOf(op),
      ownerKey(op.owner),
    );
  },

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

  withdrawRemovals: (tx, mediaId, key, now) =>
    tx.sql.run(
      `DELETE FROM lading_outbox
       WHERE media_id = ? AND owner_key = ? AND due_at > ? AND created_at <= ? AND attempts = 0
         AND op ->> 'type' = 'ref.delete'`,
      mediaId,
      key,
      now,
      now,
    ) > 0,

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

  count: (tx, accountId) =>
    Number(
      tx.sql.get('SELECT count(*) AS n FROM lading_outbox WHERE account_id = ?', accountId)?.[
        'n'
      ] ?? 0,
    ),

  hasPending: (tx, mediaId, key) =>
    tx.sql.get(
      'SELECT 1 AS found FROM lading_outbox WHERE media_id = ? AND owner_key = ? LIMIT 1',
      mediaId,
      key,
    ) !== undefined,

  settle: (tx, opId) => tx.sql.run('DELETE FROM lading_outbox WHERE op_id = ?', opId) > 0,
};

function mediaIdOf(op: BackendOp): MediaId {
  return op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
}
