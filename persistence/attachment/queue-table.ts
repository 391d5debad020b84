import type { MediaId } from '../../machines/attachment/types.ts';
import type { QueuedJob, QueueTable } from '../../ports/queue-table.ts';
import type { SqlRow } from '../../ports/sql.ts';

const SELECT = `SELECT media_id, owner_key, since, byte_size, preferred FROM lading_job
  WHERE account_id = ? AND situation = ?`;

/** Each has an index of its own that gives this order. */
const ORDERED = {
  age: `${SELECT} ORDER BY since, media_id LIMIT ?`,
  size: `${SELECT} ORDER BY byte_size, since, media_id LIMIT ?`,
  preference: `${SELECT} AND preferred > 0 ORDER BY preferred DESC LIMIT ?`,
} as const;

/** The order of uploads on SQLite. */
export const queueTable: QueueTable = {
  first: ({ sql }, accountId, queue, by, limit) =>
    sql.all(ORDERED[by], accountId, queue, limit).map(toJob),

  ofOwner: ({ sql }, accountId, queue, ownerKey, limit) =>
    sql
      .all(
        `${SELECT} AND owner_key = ? ORDER BY since, media_id LIMIT ?`,
        accountId,
        queue,
        ownerKey,
        limit,
      )
      .map(toJob),

  ownerAfter({ sql }, accountId, queue, after) {
    const row = sql.get(
      `SELECT owner_key FROM lading_job
       WHERE account_id = ? AND situation = ? AND owner_key > ? ORDER BY owner_key LIMIT 1`,
      accountId,
      queue,
      after,
    );
    return row === undefined ? undefined : String(row['owner_key']);
  },

  after: ({ sql }, accountId, situation, last, limit) =>
    sql
      .all(
        `${SELECT} AND (since, media_id) > (?, ?) ORDER BY since, media_id LIMIT ?`,
        accountId,
        situation,
        last?.since ?? Number.MIN_SAFE_INTEGER,
        last?.mediaId ?? '',
        limit,
      )
      .map(toJob),

  highestPreference: ({ sql }, accountId) =>
    Number(
      sql.get(
        'SELECT max(preferred) AS highest FROM lading_job WHERE account_id = ? AND preferred > 0',
        accountId,
      )?.['highest'] ?? 0,
    ),
};

function toJob(row: SqlRow): QueuedJob {
  return {
    mediaId: String(row['media_id']) as MediaId,
    ownerKey: String(row['owner_key']),
    since: Number(row['since']),
    byteSize: Number(row['byte_size']),
    preferred: Number(row['preferred']),
  };
}
