import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { type AttachmentFacts, factsOf } from '../../machines/attachment/facts.ts';
import type { JobSituation, ProjectedState } from '../../ports/attachment-tables.ts';
import type { SqlValue } from '../../ports/sql.ts';

/** A table's row as bound values, in column order; compared and written as such. */
export type Values = readonly SqlValue[];

/** All rows that one attachment has in the projections: a pure function of its state. */
export interface AttachmentRows {
  readonly media: Values;
  /** By owner key. */
  readonly refs: ReadonlyMap<string, Values>;
  /** Null where nothing is to be uploaded or cleaned up later. */
  readonly job: Values | null;
  readonly accountId: string;
  /** Bytes on this device that count as used. */
  readonly usedBytes: number;
}

export const MEDIA_COLUMNS =
  'media_id, account_id, origin, kind, content_type, byte_size, sha256, filename, blob_key, has_bytes, url, captured_at, facts';
export const REF_COLUMNS =
  'owner_key, media_id, account_id, project_id, entity_type, entity_id, field, rank, is_primary';
export const JOB_COLUMNS =
  'media_id, account_id, situation, since, until, attempts, idempotency_key, error';

/** Attachments on their way, and cleanup that waits; a held one that is queued is not in the queue. */
const JOB_SITUATIONS: ReadonlySet<AttachmentFacts['situation']> = new Set([
  'queued',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
  'failed',
  'removeWaiting',
  'removeAwaitingCredentials',
  'leftover',
  'purgeWaiting',
]);

/** Jobs that the scheduler looks for apart: what waits for the user, and what some links may not carry. */
function queueOf({ situation, held, unmetered }: AttachmentFacts): JobSituation {
  if (situation !== 'queued') return situation;
  if (held) return 'held';
  return unmetered === true ? 'unmetered' : 'queued';
}

export function rowsOf(state: ProjectedState): AttachmentRows {
  const context = state.context as unknown as AttachmentContext;
  const facts = factsOf(state.value, context);
  const { mediaId, accountId, media } = context;
  const purged = facts.situation === 'purged';
  return {
    accountId,
    usedBytes: context.bytes && !purged ? media.byteSize : 0,
    media: [
      mediaId,
      accountId,
      context.origin,
      media.kind,
      media.contentType,
      media.byteSize,
      media.sha256,
      media.filename,
      context.blobKey,
      context.bytes ? 1 : 0,
      context.url,
      context.capturedAt,
      JSON.stringify(facts),
    ],
    refs: new Map(
      context.refs.map(({ key, owner, rank, isPrimary }) => [
        key,
        [
          key,
          mediaId,
          owner.scope.accountId,
          owner.scope.projectId ?? null,
          owner.entityType,
          owner.entityId,
          owner.field,
          rank,
          isPrimary ? 1 : 0,
        ],
      ]),
    ),
    job: JOB_SITUATIONS.has(facts.situation)
      ? [
          mediaId,
          accountId,
          queueOf(facts),
          facts.since,
          facts.until,
          facts.attempts,
          `${accountId}/${mediaId}`,
          facts.error === null ? null : JSON.stringify(facts.error),
        ]
      : null,
  };
}
