import { type Draft, produce } from 'immer';
import { type OwnerScope, offlineUrl, ownerKey } from '../machines/attachment/types.ts';
import type { BackendOp, ChangeSignal, PushedOp, RefDelta } from '../ports/backend.ts';
import { type ObjectKey, objectKey } from '../ports/remote.ts';
import { whatIsWrongWithOp } from './op-schema.ts';
import { scopeKey } from './scope-key.ts';

/** Why the backend does not take an op. */
export type RefusalCode =
  /** Not an op, or one with parts that cannot be stored. */
  | 'invalid_op'
  /** The owner belongs to another account than the one that is signed in. */
  | 'wrong_account'
  /** The ref was removed, here or on another device, and the op does not restore it (contract 5.2). */
  | 'ref_deleted'
  /** The attachment's object was already deleted for good: it cannot come back. */
  | 'object_gone'
  /** Other kind, size or hash than the ref has: those are fixed at capture. */
  | 'ref_conflict'
  /** The same op id with another content: a cloned installation (contract 10.8). */
  | 'op_id_reused';

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** The rows of one account and project. */
export interface ScopeState {
  readonly scope: OwnerScope;
  /** By id; tombstones stay. */
  readonly rows: Readonly<Record<string, RefDelta>>;
  readonly signal: Required<ChangeSignal>;
  /** Strictly increasing, whatever the clock does: a cursor never misses a row. */
  readonly updatedAt: number;
}

/** An object that some ref pointed at. */
export interface ObjectState {
  readonly accountId: string;
  readonly mediaId: string;
  /** A field said that it stays when its refs go. */
  readonly keep: boolean;
  /** It was deleted once: no put brings a ref to it back. */
  readonly gone: boolean;
  /** It is, or may be, at the remote. */
  readonly present: boolean;
  /** Where its bytes are; null while nobody has said it. */
  readonly url: string | null;
}

/** All that the reference backend knows; plain, frozen data. */
export interface BackendState {
  /** By {@link scopeKey}. */
  readonly scopes: Readonly<Record<string, ScopeState>>;
  readonly objects: Readonly<Record<ObjectKey, ObjectState>>;
  /** Rows that were replaced, and that the device may still take back: their objects stay. */
  readonly undoable: Readonly<Record<string, true>>;
}

export const emptyBackend: BackendState = { scopes: {}, objects: {}, undoable: {} };

/** One op of `accountId` at server time `now`: the next state, or why not. The whole op, or nothing of it. */
export function applyOp(
  state: BackendState,
  accountId: string,
  { opId, op }: PushedOp,
  now: number,
): { readonly state: BackendState; readonly refusal?: Refusal } {
  const wrong = whatIsWrongWithOp(op);
  if (wrong !== undefined) return { state, refusal: { code: 'invalid_op', message: wrong } };
  if (op.owner.scope.accountId !== accountId) {
    const message = 'The owner belongs to another account.';
    return { state, refusal: { code: 'wrong_account', message } };
  }
  const refusal = op.type === 'ref.put' ? whyNotPut(state, op) : undefined;
  const noted = noteObject(state, op);
  if (refusal !== undefined && refusal.code !== 'ref_deleted') return { state: noted, refusal };

  const next = produce(noted, (draft) => {
    if (refusal === undefined) {
      const scope = scopeOf(draft, op.owner.scope);
      const stamp = stampOf(scope, opId, now);
      if (op.type === 'ref.delete' && op.undo === 'open') draft.undoable[rowId(op)] = true;
      else delete draft.undoable[rowId(op)];
      if (op.type === 'ref.put') put(scope, op, stamp);
      else remove(scope, op, stamp, now);
      announce(scope, op.owner.entityType, now);
    }
    if (op.type === 'ref.put') locate(draft, op, opId, now);
  });
  return refusal === undefined ? { state: next } : { state: next, refusal };
}

function stampOf(scope: Draft<ScopeState>, opId: string, now: number): Stamp {
  scope.updatedAt = Math.max(now, scope.updatedAt + 1);
  return { updatedAt: scope.updatedAt, lastMutationId: opId };
}

function announce({ signal }: Draft<ScopeState>, entityType: string, now: number): void {
  signal.seq += 1;
  signal.changedAt = now;
  signal.byCollection = { ...signal.byCollection, [entityType]: signal.seq };
}

/**
 * The locator is the attachment's, not the ref's: a device may have linked it elsewhere before it knew where the
 * bytes are, in a project that the one who uploaded them does not even follow. Also a put that came too late for its
 * own ref says where they are.
 */
function locate(draft: Draft<BackendState>, { owner, ref }: Put, opId: string, now: number): void {
  const url = isOffline(ref.url)
    ? draft.objects[objectKey(owner.scope.accountId, ref.mediaId)]?.url
    : ref.url;
  if (url === undefined || url === null) return;
  for (const scope of Object.values(draft.scopes)) {
    if (scope.scope.accountId !== owner.scope.accountId) continue;
    const lacking = Object.values(scope.rows).filter(
      (row) => row.ref.mediaId === ref.mediaId && row.deletedAt === null && isOffline(row.ref.url),
    );
    const [first] = lacking;
    if (first === undefined) continue;
    const stamp = stampOf(scope, opId, now);
    for (const row of lacking) scope.rows[row.id] = { ...row, ...stamp, ref: { ...row.ref, url } };
    for (const type of new Set(lacking.map((row) => row.owner.entityType))) {
      announce(scope, type, now);
    }
  }
}

type Put = Extract<BackendOp, { readonly type: 'ref.put' }>;
type Delete = Extract<BackendOp, { readonly type: 'ref.delete' }>;
type Stamp = Pick<RefDelta, 'updatedAt' | 'lastMutationId'>;

function whyNotPut(state: BackendState, op: Put): Refusal | undefined {
  const { ref, owner } = op;
  const key = objectKey(owner.scope.accountId, ref.mediaId);
  if (state.objects[key]?.gone === true) {
    return { code: 'object_gone', message: 'The object of this attachment was deleted.' };
  }
  const known = state.scopes[scopeKey(owner.scope)]?.rows[rowId(op)];
  if (known === undefined) return undefined;
  if (known.deletedAt !== null && op.restore !== true) {
    return { code: 'ref_deleted', message: 'The ref was removed.' };
  }
  const facts = ['kind', 'byteSize', 'sha256'] as const;
  const changed = facts.find(
    (fact) =>
      isKnown(known) &&
      ref[fact] !== undefined &&
      known.ref[fact] !== undefined &&
      ref[fact] !== known.ref[fact],
  );
  if (changed === undefined) return undefined;
  return { code: 'ref_conflict', message: `The ref has another ${changed}.` };
}

function put(scope: Draft<ScopeState>, op: Put, stamp: Stamp): void {
  const id = rowId(op);
  const known = scope.rows[id];
  const facts = known !== undefined && isKnown(known) ? known.ref : {};
  const isPrimary = op.ref.isPrimary === true;
  scope.rows[id] = {
    ...stamp,
    id,
    deletedAt: null,
    owner: op.owner,
    ref: {
      ...facts,
      ...op.ref,
      // A device that has not heard of the upload yet does not take the locator back.
      url: isOffline(op.ref.url) && known !== undefined ? known.ref.url : op.ref.url,
      isPrimary,
    },
    rank: op.rank,
  };
  if (!isPrimary) return;
  const field = ownerKey(op.owner);
  for (const row of Object.values(scope.rows)) {
    const isOther = row.id !== id && row.ref.isPrimary === true && ownerKey(row.owner) === field;
    if (isOther) scope.rows[row.id] = { ...row, ...stamp, ref: { ...row.ref, isPrimary: false } };
  }
}

/** Also of a ref that is not known yet: its put may still be on the way. */
function remove(scope: Draft<ScopeState>, op: Delete, stamp: Stamp, now: number): void {
  const id = rowId(op);
  const known = scope.rows[id];
  if (known?.deletedAt != null || (known !== undefined && op.undo === 'over')) return;
  const { mediaId, owner } = op;
  const ref = known?.ref ?? { mediaId, url: offlineUrl(mediaId), kind: 'file' as const };
  scope.rows[id] = {
    ...stamp,
    id,
    deletedAt: now,
    owner,
    ref: { ...ref, isPrimary: false },
    rank: known?.rank ?? UNKNOWN_RANK,
  };
}

/** Remembers that there is an object, also when the put came too late: somebody has to delete it. */
function noteObject(state: BackendState, op: BackendOp): BackendState {
  const mediaId = op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
  const { accountId } = op.owner.scope;
  const key = objectKey(accountId, mediaId);
  const known = state.objects[key];
  const arrived = op.type === 'ref.put' && !isOffline(op.ref.url);
  const kept = op.type === 'ref.delete' && op.keepObject === true;
  if (known === undefined && !arrived) return state;
  const object: ObjectState = {
    accountId,
    mediaId,
    keep: kept || known?.keep === true,
    gone: known?.gone === true,
    present: arrived || known?.present === true,
    url: arrived ? op.ref.url : (known?.url ?? null),
  };
  return { ...state, objects: { ...state.objects, [key]: object } };
}

function scopeOf(
  draft: Draft<BackendState>,
  { accountId, projectId }: OwnerScope,
): Draft<ScopeState> {
  const scope = { accountId, projectId: projectId ?? null };
  const key = scopeKey(scope);
  draft.scopes[key] ??= {
    scope,
    rows: {},
    signal: { seq: 0, changedAt: 0, byCollection: {} },
    updatedAt: 0,
  };
  return draft.scopes[key];
}

/** The rank of a tombstone whose put never came. */
const UNKNOWN_RANK = '~';

/** Whether a put ever said what this ref is. */
function isKnown(row: Pick<RefDelta, 'rank'>): boolean {
  return row.rank !== UNKNOWN_RANK;
}

function isOffline(url: string): boolean {
  return url.startsWith('offline://');
}

function rowId(op: BackendOp): string {
  const mediaId = op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
  return `${mediaId}|${ownerKey(op.owner)}`;
}
