import type { Json } from '../../machines/json.ts';
import type { CheckpointTable } from '../../ports/attachment-tables.ts';

/** Resume offsets and parts; every function is one SQL operation. */
export const checkpointTable: CheckpointTable = {
  load(tx, stream) {
    const row = tx.sql.get('SELECT body FROM lading_checkpoint WHERE stream = ?', stream);
    return row === undefined ? null : (JSON.parse(String(row['body'])) as Json);
  },

  save(tx, stream, value) {
    tx.sql.run(
      `INSERT INTO lading_checkpoint (stream, body) VALUES (?, ?)
       ON CONFLICT (stream) DO UPDATE SET body = excluded.body`,
      stream,
      JSON.stringify(value),
    );
  },

  remove(tx, stream) {
    tx.sql.run('DELETE FROM lading_checkpoint WHERE stream = ?', stream);
  },
};
