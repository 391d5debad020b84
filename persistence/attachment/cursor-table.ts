import type { CursorTable } from '../../ports/attachment-tables.ts';

/** Where delta sync stands; every function is one SQL operation. */
export const cursorTable: CursorTable = {
  load(tx, accountId, scope) {
    const row = tx.sql.get(
      'SELECT updated_at, id, seen_seq FROM lading_cursor WHERE account_id = ? AND scope = ?',
      accountId,
      scope,
    );
    if (row === undefined) return undefined;
    return {
      cursor: { updatedAt: Number(row['updated_at']), id: String(row['id']) },
      seenSeq: Number(row['seen_seq']),
    };
  },

  save(tx, accountId, scope, cursor, seenSeq) {
    tx.sql.run(
      `INSERT INTO lading_cursor (account_id, scope, updated_at, id, seen_seq) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (account_id, scope) DO UPDATE SET
         updated_at = excluded.updated_at, id = excluded.id, seen_seq = excluded.seen_seq`,
      accountId,
      scope,
      cursor.updatedAt,
      cursor.id,
      seenSeq,
    );
  },

  reset(tx, accountId, scope) {
    tx.sql.run('DELETE FROM lading_cursor WHERE account_id = ? AND scope = ?', accountId, scope);
  },
};
