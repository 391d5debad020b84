import { defaultPolicy } from '../machines/attachment/context.ts';
import {
  type AttachmentInput,
  type AttachmentOrigin,
  type AttachmentPolicy,
  type MediaId,
  type Owner,
  ownerKey,
} from '../machines/attachment/types.ts';
import type { JsonObject } from '../machines/json.ts';
import type { AttachmentTables, OutboxQueue } from '../ports/attachment-tables.ts';
import type { RefDelta } from '../ports/backend.ts';
import type { StreamId } from '../ports/event-store.ts';
import type { StreamWork } from '../ports/streams.ts';
import { isOffline } from './delta-page.ts';
import { plainOwner } from './plain-owner.ts';

export interface ApplyParts {
  readonly tables: AttachmentTables;
  readonly outbox: OutboxQueue;
  readonly accountId: string;
  /** The policy of attachments that were captured elsewhere. Default the default one. */
  policyOf?(owner: Owner): AttachmentPolicy;
}

/** What rows came to. */
export interface Applied {
  /** Rows that changed something here. */
  readonly changed: number;
  /**
   * Index of the first row that must be looked at again, or -1: an op that is still to be acknowledged is newer, or
   * what the row brings back is still on its way out.
   */
  readonly firstHeld: number;
  /** Attachments whose end held rows wait for. */
  readonly ending: readonly MediaId[];
  /** Rows about an attachment that is another account's here. */
  readonly foreign: readonly RefDelta[];
}

type Step = (work: StreamWork, stream: StreamId) => boolean;

/**
 * Applies rows of one page: idempotent, in streams' id order (design 2), without a word to the backend.
 * Where an op of this device is still to be acknowledged, what is here is newer and stays; the row is looked at
 * again when the op was answered, since another device's change may lie behind it.
 */
export function applyRows(work: StreamWork, parts: ApplyParts, rows: readonly RefDelta[]): Applied {
  const { tx } = work;
  const isPending = (mediaId: MediaId, key: string): boolean =>
    parts.outbox.hasPending(tx, mediaId, key);
  const foreign = rows.filter((row) => isForeign(work, parts.accountId, row));
  const ending = rows.filter((row) => !foreign.includes(row) && isEnding(work, row));
  const held = new Set([
    ...rows.filter((row) => isPending(row.ref.mediaId, ownerKey(row.owner))),
    ...ending,
  ]);
  const usable = rows.filter((row) => !foreign.includes(row) && !held.has(row));

  const winners = primaryOf(usable);
  const steps = new Map<MediaId, Step[]>();
  const add = (mediaId: MediaId, step: Step): void => {
    steps.set(mediaId, [...(steps.get(mediaId) ?? []), step]);
  };

  for (const [key, winner] of winners) {
    const rivals = parts.tables
      .refsOfOwner(tx, key)
      .filter((ref) => ref.isPrimary && ref.mediaId !== winner.ref.mediaId);
    if (rivals.some((rival) => isPending(rival.mediaId, key))) {
      // Made primary here, and not yet heard of there: two at once must never show (contract 1, owner).
      winners.delete(key);
      held.add(winner);
      continue;
    }
    for (const rival of rivals) {
      add(rival.mediaId, (present, stream) => synced(present, stream, rival, false));
    }
  }
  let changed = 0;
  for (const row of usable) {
    const isPrimary = winners.get(ownerKey(row.owner)) === row;
    add(row.ref.mediaId, (present, stream) => {
      const isNews = applyRow(present, stream, parts, row, isPrimary);
      changed += Number(isNews);
      return isNews;
    });
  }
  const inIdOrder = [...steps].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [mediaId, ofStream] of inIdOrder) {
    for (const step of ofStream) step(work, mediaId as string as StreamId);
  }
  return {
    changed,
    firstHeld: rows.findIndex((row) => held.has(row)),
    ending: ending.map(({ ref }) => ref.mediaId),
    foreign,
  };
}

function applyRow(
  work: StreamWork,
  stream: StreamId,
  parts: ApplyParts,
  row: RefDelta,
  isPrimary: boolean,
): boolean {
  const present = work.peek(stream);
  if (row.deletedAt !== null) {
    if (present === undefined) return false;
    const owner = plainOwner(row.owner);
    return work.send(stream, { type: 'ref.tombstoned', owner }).outcome === 'changed';
  }
  const url = isOffline(row.ref.url) ? null : row.ref.url;
  if (present === undefined) {
    work.create(stream, 'attachment', inputOf(parts, row, url, 'elsewhere'));
    synced(work, stream, row, isPrimary);
    return true;
  }
  if (present.status === 'done') {
    // What this device captured and nobody uploaded is on no device any more: it says so, and waits for no author.
    const { origin, attached } = present.context;
    const isLost = url === null && origin === 'here' && attached !== true;
    work.reopen(stream, inputOf(parts, row, url, isLost ? 'here' : 'elsewhere'));
    synced(work, stream, row, isPrimary);
    return true;
  }
  const isSynced = synced(work, stream, row, isPrimary);
  const { url: knownUrl, fault } = present.context;
  const isLocated =
    url !== null &&
    (url !== knownUrl || fault !== null) &&
    work.send(stream, { type: 'remote.located', url }).outcome === 'changed';
  return isSynced || isLocated;
}

function synced(
  work: StreamWork,
  stream: StreamId,
  { owner, rank }: Pick<RefDelta, 'owner' | 'rank'>,
  isPrimary: boolean,
): boolean {
  const event = { type: 'ref.synced', owner: plainOwner(owner), rank, isPrimary };
  return work.send(stream, event).outcome === 'changed';
}

/** A stream that begins with what another device tells of it: no bytes, and a locator once its author has one. */
function inputOf(
  parts: ApplyParts,
  row: RefDelta,
  url: string | null,
  origin: AttachmentOrigin,
): JsonObject {
  const { mediaId, kind, contentType, byteSize, sha256 } = row.ref;
  const input: AttachmentInput = {
    mediaId,
    accountId: parts.accountId,
    origin,
    media: {
      kind,
      contentType: contentType ?? 'application/octet-stream',
      byteSize: byteSize ?? 0,
      sha256: sha256 ?? '',
      filename: null,
    },
    policy: parts.policyOf?.(row.owner) ?? defaultPolicy,
    url,
    blobKey: null,
    capturedAt: row.updatedAt,
  };
  return input as unknown as JsonObject;
}

/** The row that makes its ref the primary one of its owner; the last one, should a page name several. */
function primaryOf(rows: readonly RefDelta[]): Map<string, RefDelta> {
  const winners = new Map<string, RefDelta>();
  for (const row of rows) {
    const key = ownerKey(row.owner);
    if (row.deletedAt === null && row.ref.isPrimary === true) winners.set(key, row);
    else if (winners.get(key)?.id === row.id) winners.delete(key);
  }
  return winners;
}

/** Gone, and something of it is still to be cleaned up: until then it takes no ref. */
function isEnding(work: StreamWork, { ref, deletedAt }: RefDelta): boolean {
  if (deletedAt !== null) return false;
  const present = work.peek(ref.mediaId as string as StreamId);
  return present?.status === 'active' && present.context['gone'] === true;
}

/** Two accounts may share a database; neither hears of the other's attachments (contract 10.7). */
function isForeign(work: StreamWork, accountId: string, { ref }: RefDelta): boolean {
  const present = work.peek(ref.mediaId as string as StreamId);
  return present !== undefined && present.context['accountId'] !== accountId;
}
