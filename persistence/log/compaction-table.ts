import type { CompactionTable } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StreamId } from '../../ports/event-store.ts';
import type { SqlTransaction } from '../../ports/sql.ts';

/** What compaction needs of the log; every function is a few SQL operations on one stream. */
export const compactionTable: CompactionTable = {
  idle: ({ sql }, after, until, limit) =>
    sql
      .all(
        `SELECT stream, touched_at FROM lading_stream
         WHERE version > compacted AND touched_at <= ? AND (touched_at, stream) > (?, ?)
         ORDER BY touched_at, stream LIMIT ?`,
        until,
        after?.touchedAt ?? Number.MIN_SAFE_INTEGER,
        after?.stream ?? '',
        limit,
      )
      .map((row) => ({
        stream: String(row['stream']) as StreamId,
        touchedAt: Number(row['touched_at']),
      })),

  replace({ sql }, stream, version, event) {
    mark(sql, stream, version);
    const last = sql.get(
      'SELECT position FROM lading_event WHERE stream = ? AND version = ?',
      stream,
      version,
    );
    sql.run('DELETE FROM lading_event WHERE stream = ?', stream);
    sql.run('DELETE FROM lading_snapshot WHERE stream = ?', stream);
    sql.run(
      `INSERT INTO lading_event
         (position, stream, version, type, schema_version, at, jitter, payload, state, key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
      last?.['position'] ?? null,
      stream,
      version,
      event.type,
      event.schemaVersion,
      event.at,
      event.jitter,
      JSON.stringify(event.payload),
      JSON.stringify(event.state),
    );
  },

  passOver: ({ sql }, stream, version) => mark(sql, stream, version),
};

/** The expected version decides between a compaction and a step, like between two steps. */
function mark(sql: SqlTransaction, stream: StreamId, version: number): void {
  const marked = sql.run(
    'UPDATE lading_stream SET compacted = ? WHERE stream = ? AND version = ?',
    version,
    stream,
    version,
  );
  if (marked === 1) return;
  throw new LadingError(
    'version_conflict',
    `Stream ${stream} is no longer at version ${version}: it is looked at again when it rests.`,
    { details: { stream, expectedVersion: version } },
  );
}
