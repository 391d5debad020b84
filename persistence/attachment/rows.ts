import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { type AttachmentFacts, factsOf, isEvictableNow } from '../../machines/attachment/facts.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { JobSituation, ProjectedState } from '../../ports/attachment-tables.ts';
import type { SqlValue } from '../../ports/sql.ts';

/** A table's row as bound values, in column order; compared and written as such. */
export type Values = readonly SqlValue[];

/** All rows that one attachment has in the projections: a pure function of its state. */
export interface AttachmentRows {
  readonly mediaId: MediaId;
  /** Null where only a tombstone is left, which has no row anywhere. */
  readonly media: Values | null;
  /** By owner key. */
  readonly refs: ReadonlyMap<string, Values>;
  /** Null where nothing is to be uploaded or cleaned up later. */
  readonly job: Values | null;
  /** The file on this device that it holds: null where its bytes are not here. */
  readonly blob: HeldBlob | null;
}

/** A file as one of its holders knows it. */
export interface HeldBlob {
  readonly key: string;
  readonly accountId: string;
  readonly sha256: string;
  readonly byteSize: number;
  /** This holder could let it go now. */
  readonly isEvictable: boolean;
  /** When the bytes came, or were last found to be in use. */
  readonly since: number;
}

export const MEDIA_COLUMNS =
  'media_id, account_id, origin, kind, content_type, byte_size, sha256, filename, blob_key, has_bytes, url, captured_at, facts';
export const REF_COLUMNS =
  'owner_key, media_id, account_id, project_id, entity_type, entity_id, field, rank, is_primary';
export const JOB_COLUMNS =
  'media_id, account_id, situation, since, until, attempts, idempotency_key, error, owner_key, byte_size, preferred';

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

/** Whose turn it is sent in: of several owners, the first in the order of their keys. */
function turnOf({ refs }: AttachmentContext): string {
  return refs.reduce((first, { key }) => (first === '' || key < first ? key : first), '');
}

export function rowsOf(state: ProjectedState): AttachmentRows {
  const context = state.context as unknown as AttachmentContext;
  const facts = factsOf(state.value, context);
  const { mediaId, accountId, media } = context;
  return {
    blob:
      context.bytes && context.blobKey !== null
        ? {
            key: context.blobKey,
            accountId,
            sha256: media.sha256,
            byteSize: media.byteSize,
            isEvictable: isEvictableNow(state.value, context),
            since: context.localSince,
          }
        : null,
    mediaId,
    media:
      context.stripped === true
        ? null
        : [
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
          turnOf(context),
          media.byteSize,
          facts.preferred ?? 0,
        ]
      : null,
  };
}
