import type { MediaId } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { OutboxTable } from '../../ports/attachment-tables.ts';
import type { BackendOp } from '../../ports/backend.ts';

/** The outbox as commits fill it; every function is one SQL operation. */
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

  count: (tx, accountId) =>
    Number(
      tx.sql.get('SELECT count(*) AS n FROM lading_outbox WHERE account_id = ?', accountId)?.[
        'n'
      ] ?? 0,
    ),
};

function mediaIdOf(op: BackendOp): MediaId {
  return op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
}
