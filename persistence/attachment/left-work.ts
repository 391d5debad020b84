import type { Owner } from '../../machines/attachment/types.ts';
import type { DeadLetter, ReadLeftWork } from '../../ports/left-work.ts';
import type { SqlRow } from '../../ports/sql.ts';

const WAITING: ReadonlySet<unknown> = new Set([
  'queued',
  'held',
  'unmetered',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
]);
const DEAD: ReadonlySet<unknown> = new Set(['failed', 'leftover']);
const DEAD_LETTERS = 1_000;

/** What of an account is not done yet; a few queries, asked for when it signs out. */
export const readLeftWork: ReadLeftWork = ({ sql }, accountId) => {
  const unsent = sql.get(
    `SELECT count(*) AS uploads, coalesce(sum(byte_size), 0) AS bytes FROM lading_media
     WHERE account_id = ? AND origin = 'here' AND has_bytes = 1 AND url IS NULL
       AND coalesce(facts ->> 'gone', 0) = 0`,
    accountId,
  );
  const jobs = sql.all(
    'SELECT situation, count(*) AS n FROM lading_job WHERE account_id = ? GROUP BY situation',
    accountId,
  );
  const ops = sql.get('SELECT count(*) AS n FROM lading_outbox WHERE account_id = ?', accountId);
  const dead = sql.all(
    `SELECT j.media_id, m.facts ->> '$.error.code' AS code,
       r.account_id, r.project_id, r.entity_type, r.entity_id, r.field
     FROM lading_job AS j
     JOIN lading_media AS m ON m.media_id = j.media_id
     LEFT JOIN lading_ref AS r ON r.media_id = j.media_id
     WHERE j.account_id = ? AND j.situation IN ('failed', 'leftover')
     ORDER BY j.since, j.media_id, r.owner_key LIMIT ?`,
    accountId,
    DEAD_LETTERS,
  );
  const count = (situations: ReadonlySet<unknown>): number =>
    jobs.reduce((sum, row) => (situations.has(row['situation']) ? sum + Number(row['n']) : sum), 0);
  return {
    unsent: { uploads: Number(unsent?.['uploads'] ?? 0), bytes: Number(unsent?.['bytes'] ?? 0) },
    waiting: count(WAITING),
    failed: count(DEAD),
    deadLetters: dead.map(deadLetter),
    unsyncedOps: Number(ops?.['n'] ?? 0),
  };
};

function deadLetter(row: SqlRow): DeadLetter {
  return {
    mediaId: String(row['media_id']),
    code: String(row['code'] ?? 'unknown'),
    owner: ownerOf(row),
  };
}

function ownerOf(row: SqlRow): Owner | null {
  if (row['field'] === null) return null;
  return {
    scope: {
      accountId: String(row['account_id']),
      projectId: row['project_id'] === null ? null : String(row['project_id']),
    },
    entityType: String(row['entity_type']),
    entityId: String(row['entity_id']),
    field: String(row['field']),
  };
}
