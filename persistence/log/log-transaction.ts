import type { Json, JsonObject } from '../../machines/json.ts';
import { CHECKPOINT, TOMBSTONE } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type {
  LogTransaction,
  NewEvent,
  StoredEvent,
  StreamHead,
  StreamId,
} from '../../ports/event-store.ts';
import type { SqlRow, SqlTransaction } from '../../ports/sql.ts';

/** The log on one connection; every function is one SQL operation. */
export function logTransaction(sql: SqlTransaction): LogTransaction {
  return {
    head(stream) {
      const row = sql.get(
        'SELECT machine, version, status FROM lading_stream WHERE stream = ?',
        stream,
      );
      return row === undefined ? undefined : toHead(row);
    },

    append(stream, expectedVersion, events, head) {
      const version = expectedVersion + events.length;
      const touchedAt = events.at(-1)?.at ?? 0;
      const moved =
        expectedVersion === 0
          ? sql.run(
              `INSERT INTO lading_stream (stream, machine, version, status, touched_at)
               VALUES (?, ?, ?, ?, ?) ON CONFLICT (stream) DO NOTHING`,
              stream,
              head.machine,
              version,
              head.status,
              touchedAt,
            )
          : sql.run(
              `UPDATE lading_stream SET version = ?, status = ?, touched_at = ?
               WHERE stream = ? AND version = ?`,
              version,
              head.status,
              touchedAt,
              stream,
              expectedVersion,
            );
      if (moved !== 1) {
        throw new LadingError(
          'version_conflict',
          `Stream ${stream} is no longer at version ${expectedVersion}: load it again and decide again.`,
          { details: { stream, expectedVersion } },
        );
      }
      events.forEach((event, index) => {
        insertEvent(sql, stream, expectedVersion + 1 + index, event);
      });
    },

    read: (stream, afterVersion = 0) =>
      sql
        .all(
          `SELECT position, stream, version, type, schema_version, at, jitter, payload, state, key
           FROM lading_event WHERE stream = ? AND version > ? ORDER BY version`,
          stream,
          afterVersion,
        )
        .map(toStoredEvent),

    // Keys of events that a checkpoint stands for are in its payload; neither text is ever a part of another key.
    hasKey: (stream, key) =>
      sql.get(
        `SELECT 1 AS found FROM lading_event WHERE stream = ? AND key = ?
         UNION ALL SELECT 1 FROM lading_event WHERE stream = ?
           AND type IN ('${CHECKPOINT}', '${TOMBSTONE}') AND instr(payload ->> 'keys', ?) > 0`,
        stream,
        key,
        stream,
        JSON.stringify(key),
      ) !== undefined,

    streams: (after, limit) =>
      sql
        .all(
          'SELECT stream FROM lading_stream WHERE stream > ? ORDER BY stream LIMIT ?',
          after,
          limit,
        )
        .map((row) => String(row['stream']) as StreamId),

    repairHead(stream, head) {
      sql.run(
        'UPDATE lading_stream SET machine = ?, version = ?, status = ? WHERE stream = ?',
        head.machine,
        head.version,
        head.status,
        stream,
      );
    },

    lastPosition: () =>
      Number(sql.get('SELECT max(position) AS position FROM lading_event')?.['position'] ?? 0),

    snapshot(stream) {
      const row = sql.get(
        'SELECT version, format, body FROM lading_snapshot WHERE stream = ?',
        stream,
      );
      const body = row === undefined ? undefined : parsed(String(row['body']));
      if (row === undefined || body === undefined) return undefined;
      return { version: Number(row['version']), format: String(row['format']), body };
    },

    saveSnapshot(stream, snapshot) {
      sql.run(
        `INSERT INTO lading_snapshot (stream, version, format, body) VALUES (?, ?, ?, ?)
         ON CONFLICT (stream) DO UPDATE SET
           version = excluded.version, format = excluded.format, body = excluded.body`,
        stream,
        snapshot.version,
        snapshot.format,
        JSON.stringify(snapshot.body),
      );
    },
  };
}

function insertEvent(
  sql: SqlTransaction,
  stream: StreamId,
  version: number,
  event: NewEvent,
): void {
  sql.run(
    `INSERT INTO lading_event (stream, version, type, schema_version, at, jitter, payload, state, key)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    stream,
    version,
    event.type,
    event.schemaVersion,
    event.at,
    event.jitter,
    JSON.stringify(event.payload),
    JSON.stringify(event.state),
    event.key,
  );
}

/** Undefined for a damaged row: a snapshot is a cache. */
function parsed(json: string): Json | undefined {
  try {
    return JSON.parse(json) as Json;
  } catch {
    return undefined;
  }
}

function toHead(row: SqlRow): StreamHead {
  return {
    machine: String(row['machine']),
    version: Number(row['version']),
    status: row['status'] === 'done' ? 'done' : 'active',
  };
}

function toStoredEvent(row: SqlRow): StoredEvent {
  return {
    position: Number(row['position']),
    stream: String(row['stream']) as StreamId,
    version: Number(row['version']),
    type: String(row['type']),
    schemaVersion: Number(row['schema_version']),
    at: Number(row['at']),
    jitter: Number(row['jitter']),
    payload: JSON.parse(String(row['payload'])) as JsonObject,
    state: JSON.parse(String(row['state'])) as Json,
    key: row['key'] === null ? null : String(row['key']),
  };
}
