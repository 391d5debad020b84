import { generateKeyBetween } from 'fractional-indexing';
import * as v from 'valibot';
import {
  type MediaId,
  type OwnerScope,
  offlineUrl,
  ownerKey,
} from '../machines/attachment/types.ts';
import type { RefDelta, SyncCursor } from '../ports/backend.ts';
import { BadAnswer } from './bounded.ts';
import { scopeKey } from './scope-key.ts';

/** A page as far as it can be believed. */
export interface SoundPage {
  readonly rows: readonly RefDelta[];
  /** Rows that are left out, and why. */
  readonly bad: readonly { readonly id: string; readonly why: string }[];
  readonly more: boolean;
  /** Up to where the page goes; null when it does not say. */
  readonly end: SyncCursor | null;
}

const LONGEST_ID = 200;
const LONGEST_ROW_ID = 4_000;
const LONGEST_URL = 2_048;
const MOST_ROWS = 1_000;
/** The latest time that a `Date` can be. */
const LATEST_MS = 8_640_000_000_000_000;

const id = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(LONGEST_ID),
  v.check((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'not printable Unicode'),
);
const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LATEST_MS));
const mediaId = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'not a lower-case UUID'),
  v.transform((text) => text as MediaId),
);
const position = {
  updatedAt: time,
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(LONGEST_ROW_ID)),
};

const owner = v.object({
  scope: v.object({ accountId: id, projectId: v.optional(v.nullable(id), null) }),
  entityType: id,
  entityId: id,
  field: id,
});
const ref = v.object({
  mediaId,
  url: v.pipe(v.string(), v.maxLength(LONGEST_URL), v.regex(/^[a-z][a-z0-9+.-]*:\/\/\S+$/)),
  kind: v.picklist(['image', 'pdf', 'file', 'video', 'audio']),
  contentType: v.exactOptional(v.pipe(v.string(), v.maxLength(LONGEST_ID))),
  byteSize: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  sha256: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  isPrimary: v.exactOptional(v.boolean()),
});
/** What a newer backend adds is dropped. */
const row = v.pipe(
  v.object({
    ...position,
    deletedAt: v.nullable(v.number()),
    lastMutationId: v.string(),
    owner,
    ref,
    rank: id,
  }),
  v.check(
    (one) => one.id === `${one.ref.mediaId}|${ownerKey(one.owner)}`,
    'another id than its ref',
  ),
  v.check(
    ({ ref: { url, mediaId: of } }) => !isOffline(url) || url === offlineUrl(of),
    'an offline url of another attachment',
  ),
  v.check((one) => one.deletedAt !== null || isRank(one.rank), 'not a rank'),
);
const page = v.object({
  rows: v.pipe(v.array(v.unknown()), v.maxLength(MOST_ROWS)),
  more: v.boolean(),
});

/**
 * Checks a page before a row of it is touched; a row that is not sound, or not of this scope, is left out and costs
 * nothing else.
 * @param after where the page was asked to begin.
 * @throws {BadAnswer} when it is no page, or says that there is more and does not get further.
 */
export function readDeltaPage(
  answer: unknown,
  scope: OwnerScope,
  after: SyncCursor | null,
): SoundPage {
  const parsed = v.safeParse(page, answer);
  if (!parsed.success) throw new BadAnswer('a page of deltas cannot be read');
  const { more } = parsed.output;
  const rows: RefDelta[] = [];
  const bad: { id: string; why: string }[] = [];
  for (const one of parsed.output.rows) {
    const found = v.safeParse(row, one, { abortEarly: true });
    if (!found.success) bad.push({ id: idOf(one), why: whyOf(found.issues) });
    else if (scopeKey(found.output.owner.scope) !== scopeKey(scope)) {
      bad.push({ id: found.output.id, why: 'of another account or project' });
    } else rows.push(found.output);
  }
  const end = endOf(rows, parsed.output.rows, more);
  const since = after?.updatedAt ?? 0;
  const isBack = end !== null && end.updatedAt < since;
  const isStuck = more && (end === null || (end.id === after?.id && end.updatedAt === since));
  if (isBack || isStuck) throw new BadAnswer('a page of deltas does not get further');
  return { rows, bad, more, end };
}

/** Whether the url is the placeholder of bytes that are not attached yet. */
export function isOffline(url: string): boolean {
  return url.startsWith('offline://');
}

/**
 * The last sound row decides: a bad one could name any time, and everything before that time would be missed. Only
 * a page of nothing but bad rows is passed by their own word, or they would block what follows for ever.
 */
function endOf(
  rows: readonly RefDelta[],
  all: readonly unknown[],
  more: boolean,
): SyncCursor | null {
  const last = rows.at(-1);
  if (last !== undefined) return { updatedAt: last.updatedAt, id: last.id };
  if (!more) return null;
  const readable = all.map((one) => v.safeParse(v.object(position), one));
  return (readable.findLast(({ success }) => success)?.output as SyncCursor | undefined) ?? null;
}

/** A rank that no other could be put beside would break the list that it is in. */
function isRank(rank: string): boolean {
  try {
    generateKeyBetween(rank, null);
    return true;
  } catch {
    return false;
  }
}

function idOf(one: unknown): string {
  const found = v.safeParse(v.object({ id: v.string() }), one);
  return found.success ? found.output.id.toWellFormed().slice(0, LONGEST_ID) : 'without an id';
}

function whyOf(issues: readonly v.BaseIssue<unknown>[]): string {
  const [issue] = issues;
  if (issue === undefined) return 'not sound';
  const at = v.getDotPath(issue);
  return at === null ? issue.message : `${at} is not sound`;
}
