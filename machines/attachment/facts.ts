import type { Json, JsonObject } from '../json.ts';
import type { AttachmentContext, FaultRecord } from './context.ts';
import {
  backoff,
  draftGrace,
  lateArrival,
  purgeBackoff,
  removeBackoff,
  undoGrace,
} from './delays.ts';
import type { AttachmentOrigin } from './types.ts';

/** What the bytes on this device are doing: the leaf of the machine's `localCopy` region. */
export type LocalSituation =
  | 'present'
  | 'evicting'
  | 'inUse'
  | 'evicted'
  | 'downloading'
  | 'downloadWaiting'
  | 'downloadAwaitingCredentials'
  | 'missing'
  | 'purging'
  | 'purgeWaiting'
  | 'purged';

/**
 * What the attachment as a whole is doing; each maps to one of the four states a screen may show, or to "gone"
 * (contract 2). Up to `failed` it lives; `released` can still be undone; the rest is cleanup.
 */
export type Situation =
  | 'draft'
  | 'awaitingAuthor'
  | 'queued'
  | 'waiting'
  | 'awaitingCredentials'
  | 'uploading'
  | 'attaching'
  | 'uploaded'
  | 'failed'
  | 'released'
  | 'removing'
  | 'removeWaiting'
  | 'removeAwaitingCredentials'
  | 'settling'
  | 'leftover'
  | 'purging'
  | 'purgeWaiting'
  | 'purged';

/** All situations, in the order of a life. */
export const situations: readonly Situation[] = [
  'draft',
  'awaitingAuthor',
  'queued',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
  'uploaded',
  'failed',
  'released',
  'removing',
  'removeWaiting',
  'removeAwaitingCredentials',
  'settling',
  'leftover',
  'purging',
  'purgeWaiting',
  'purged',
];

/** One small row per attachment: what lists, jobs and views are made of, without loading the stream. Plain JSON. */
export interface AttachmentFacts {
  readonly situation: Situation;
  readonly local: LocalSituation;
  /** When the situation began. Milliseconds since 1970, like every time here. */
  readonly since: number;
  /** When its timer ends it: backoff, grace, second look. Null where only an event does. */
  readonly until: number | null;
  /** Burnt attempts since the last success or retry. */
  readonly attempts: number;
  /** The last fault that has not been made good, also while it is being retried. */
  readonly error: FaultRecord | null;
  /** Why the bytes could not be fetched, evicted or purged at the last try. */
  readonly localError: FaultRecord | null;
  /** No ref holds it any more and none can be brought back. */
  readonly gone: boolean;
  /** Paused by the user. */
  readonly held: boolean;
  /** It is sent over unmetered links only (contract 3.4). Absent where any will do. */
  readonly unmetered?: true;
  /** The user wants it before others; the highest is next. Absent where nobody asked. */
  readonly preferred?: number;
  /** Readable bytes are here. */
  readonly bytes: boolean;
  readonly pinned: boolean;
  readonly origin: AttachmentOrigin;
}

/** The machine's state value; the leaves are named in `LocalSituation` and `Situation`. */
interface RegionValues {
  readonly reference: 'draft' | 'linked' | 'released' | 'gone';
  readonly transfer: 'none' | { readonly live: string } | { readonly ending: string };
  readonly localCopy: string | { readonly live: string };
}

/**
 * The facts of one machine state: a pure function of (value, context), the same on every device and after every
 * replay (contract 2, 9.2).
 */
export function factsOf(value: Json, context: AttachmentContext | JsonObject): AttachmentFacts {
  const regions = value as unknown as RegionValues;
  const known = context as unknown as AttachmentContext;
  const local = localOf(regions);
  const situation = situationOf(regions, local);
  const since = sinceOf(situation, known);
  const waitMs = waitOf(situation, known);
  return {
    situation,
    local,
    since,
    until: waitMs === null ? null : since + waitMs,
    attempts: known.attempts,
    error: known.fault,
    localError: known.localFault,
    gone: known.gone,
    held: known.held,
    ...(known.policy.network === 'unmetered' ? { unmetered: true as const } : {}),
    ...(known.preferred ? { preferred: known.preferred } : {}),
    bytes: known.bytes,
    pinned: known.pinned,
    origin: known.origin,
  };
}

/**
 * Confirmed remote bytes that nobody holds on to: what `evict.requested` asks of a present copy (contract 6). A fault,
 * whatever it is, keeps them here.
 */
export function mayBeEvicted({
  url,
  fault,
  pinned,
}: Pick<AttachmentContext, 'url' | 'fault' | 'pinned'>): boolean {
  return url !== null && fault === null && !pinned;
}

/** Whether an eviction that is asked for now would begin. */
export function isEvictableNow(value: Json, context: AttachmentContext): boolean {
  return localOf(value as unknown as RegionValues) === 'present' && mayBeEvicted(context);
}

function localOf({ localCopy }: RegionValues): LocalSituation {
  return (typeof localCopy === 'string' ? localCopy : localCopy.live) as LocalSituation;
}

/** Released comes first: it hides what the transfer is doing. After the object, the bytes are the last to go. */
function situationOf({ reference, transfer }: RegionValues, local: LocalSituation): Situation {
  if (reference === 'released') return 'released';
  if (transfer === 'none') return local as Situation;
  if ('ending' in transfer) return transfer.ending as Situation;
  return transfer.live === 'parked' ? 'draft' : (transfer.live as Situation);
}

/** Drafts and released ones are timed by the reference region, purges by the local copy, all else by the transfer. */
function sinceOf(situation: Situation, context: AttachmentContext): number {
  if (situation === 'draft' || situation === 'released') return context.referenceSince;
  if (situation.startsWith('purg')) return context.localSince;
  return context.since;
}

/** Situations that a timer ends, and after how long. */
const waits: Partial<Record<Situation, (context: AttachmentContext) => number>> = {
  draft: draftGrace,
  released: undoGrace,
  waiting: backoff,
  removeWaiting: removeBackoff,
  settling: lateArrival,
  purgeWaiting: purgeBackoff,
};

function waitOf(situation: Situation, context: AttachmentContext): number | null {
  return waits[situation]?.(context) ?? null;
}
