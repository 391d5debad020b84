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
  /** The attachment's object was deleted: no ref to it is taken until its bytes were sent again (contract 5.2). */
  | 'object_gone'
  /** Other kind, size or hash than the ref has: those are fixed at capture. */
  | 'ref_conflict'
  /** The same op id with another content: a cloned installation (contract 10.8). */
  | 'op_id_reused';

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  /** With `object_gone`; see `PushResult`. */
  readonly removedAt?: number;
}

/** The rows of one account and project. Each row is frozen: one that changes is another one. */
export interface ScopeState {
  readonly scope: OwnerScope;
  /** By attachment, then by id; tombstones stay. */
  readonly rows: Map<string, Map<string, RefDelta>>;
  /** The primary one of each field that has one. */
  readonly primaries: Map<string, RefDelta>;
  signal: Required<ChangeSignal>;
  /** Strictly increasing, whatever the clock does: a cursor never misses a row. */
  updatedAt: number;
}

/** An object that some ref pointed at. */
export interface ObjectState {
  readonly accountId: string;
  readonly mediaId: string;
  /** A field said that it stays when its refs go. */
  readonly keep: boolean;
  /** It was deleted, and nobody sends its bytes again: no put brings a ref to it back. */
  readonly gone: boolean;
  /** Its last deletion, later than all before it, whatever the clock does. -1 for none. */
  readonly removedAt: number;
  /** It is, or may be, at the remote. */
  readonly present: boolean;
  /** When somebody last said that it is, or will be: its bytes may be on their way for a while. */
  readonly toldAt: number;
  /** Where its bytes are; null while nobody has said it. */
  readonly url: string | null;
}

/** All that the reference backend knows. What is looked up by id is a map: an op costs the same with 20,000 rows as with 20. */
export interface BackendState {
  /** By {@link scopeKey}. */
  readonly scopes: Map<string, ScopeState>;
  readonly objects: Map<ObjectKey, ObjectState>;
  /** Ids of rows that were replaced, and that the device may still take back: their objects stay. */
  readonly undoable: Set<string>;
  /** Ids of removed rows that a user restored when their object was gone: their next put restores them, too. */
  readonly restored: Set<string>;
}

export function emptyBackend(): BackendState {
  return { scopes: new Map(), objects: new Map(), undoable: new Set(), restored: new Set() };
}

/** What an op did. */
export interface AppliedOp {
  readonly changed: readonly ChangedRow[];
  /** Why it was not taken. What else it told is kept: that there is an object, and where. */
  readonly refusal?: Refusal;
}

/** A row as an op left it. */
export interface ChangedRow {
  readonly scope: string;
  readonly row: RefDelta;
}

/**
 * Applies one op of `accountId` at server time `now`: the whole op, or nothing of it, since all that can be wrong is
 * looked at before the first change.
 */
export function applyOp(
  state: BackendState,
  accountId: string,
  { opId, op }: PushedOp,
  now: number,
): AppliedOp {
  const wrong = whatIsWrongWithOp(op);
  if (wrong !== undefined) {
    return { changed: [], refusal: { code: 'invalid_op', message: wrong } };
  }
  if (op.owner.scope.accountId !== accountId) {
    const message = 'The owner belongs to another account.';
    return { changed: [], refusal: { code: 'wrong_account', message } };
  }
  const changed: ChangedRow[] = [];
  const refusal = op.type === 'ref.put' ? whyNotPut(state, op) : undefined;
  noteObject(state, op, refusal, now);
  if (refusal === undefined) {
    const scope = scopeOf(state, op.owner.scope);
    const stamp = stampOf(scope, opId, now);
    if (op.type === 'ref.delete' && op.undo === 'open') state.undoable.add(rowId(op));
    else state.undoable.delete(rowId(op));
    state.restored.delete(rowId(op));
    if (op.type === 'ref.put') put(scope, op, locatorOf(state, op) ?? op.ref.url, stamp, changed);
    else remove(scope, op, stamp, now, changed);
    announce(scope, op.owner.entityType, now);
  }
  const isRestoring = op.type === 'ref.put' && op.restore === true;
  if (isRestoring && refusal?.code === 'object_gone') state.restored.add(rowId(op));
  const isPlaced = refusal === undefined || refusal.code === 'ref_deleted';
  if (op.type === 'ref.put' && isPlaced) locate(state, op, opId, now, changed);
  return refusal === undefined ? { changed } : { changed, refusal };
}

/** The rows of an attachment in one scope. */
export function rowsOfMedia(scope: ScopeState | undefined, mediaId: string): readonly RefDelta[] {
  return [...(scope?.rows.get(mediaId)?.values() ?? [])];
}

/** Every row of a scope. */
export function rowsOfScope({ rows }: ScopeState): readonly RefDelta[] {
  return [...rows.values()].flatMap((byId) => [...byId.values()]);
}

function stampOf(scope: ScopeState, opId: string, now: number): Stamp {
  scope.updatedAt = Math.max(now, scope.updatedAt + 1);
  return { updatedAt: scope.updatedAt, lastMutationId: opId };
}

function announce(scope: ScopeState, entityType: string, now: number): void {
  const seq = scope.signal.seq + 1;
  const byCollection = { ...scope.signal.byCollection, [entityType]: seq };
  scope.signal = Object.freeze({ seq, changedAt: now, byCollection });
}

/**
 * The locator is the attachment's, not the ref's: a device may have linked it elsewhere before it knew where the
 * bytes are, in a project that the one who uploaded them does not even follow. Also a put that came too late for its
 * own ref says where they are.
 */
function locate(
  state: BackendState,
  op: Put,
  opId: string,
  now: number,
  changed: ChangedRow[],
): void {
  const { owner, ref } = op;
  const url = locatorOf(state, op);
  if (url === undefined) return;
  for (const scope of state.scopes.values()) {
    if (scope.scope.accountId !== owner.scope.accountId) continue;
    const lacking = rowsOfMedia(scope, ref.mediaId).filter(
      (row) => row.deletedAt === null && isOffline(row.ref.url),
    );
    const [first] = lacking;
    if (first === undefined) continue;
    const stamp = stampOf(scope, opId, now);
    for (const row of lacking) {
      store(scope, { ...row, ...stamp, ref: { ...row.ref, url } }, changed);
    }
    for (const type of new Set(lacking.map((row) => row.owner.entityType))) {
      announce(scope, type, now);
    }
  }
}

/** A device that has not heard of the upload yet does not take the locator back. */
function locatorOf({ objects }: BackendState, { owner, ref }: Put): string | undefined {
  if (!isOffline(ref.url)) return ref.url;
  return objects.get(objectKey(owner.scope.accountId, ref.mediaId))?.url ?? undefined;
}

type Put = Extract<BackendOp, { readonly type: 'ref.put' }>;
type Delete = Extract<BackendOp, { readonly type: 'ref.delete' }>;
type Stamp = Pick<RefDelta, 'updatedAt' | 'lastMutationId'>;

function whyNotPut(state: BackendState, op: Put): Refusal | undefined {
  const { ref, owner } = op;
  const known = rowOf(state.scopes.get(scopeKey(owner.scope)), ref.mediaId, rowId(op));
  const isRestored = op.restore === true || state.restored.has(rowId(op));
  if (known !== undefined && known.deletedAt !== null && !isRestored) {
    return { code: 'ref_deleted', message: 'The ref was removed.' };
  }
  const object = state.objects.get(objectKey(owner.scope.accountId, ref.mediaId));
  if (object?.gone === true && !isSentAgain(object, op)) {
    const message = 'The file was deleted on the server. Please add it again.';
    return { code: 'object_gone', message, removedAt: object.removedAt };
  }
  if (known === undefined) return undefined;
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

function put(scope: ScopeState, op: Put, url: string, stamp: Stamp, changed: ChangedRow[]): void {
  const id = rowId(op);
  const known = rowOf(scope, op.ref.mediaId, id);
  const facts = known !== undefined && isKnown(known) ? known.ref : {};
  const isPrimary = op.ref.isPrimary === true;
  const row = {
    ...stamp,
    id,
    deletedAt: null,
    owner: op.owner,
    ref: {
      ...facts,
      ...op.ref,
      url,
      isPrimary,
    },
    rank: op.rank,
  };
  const other = isPrimary ? scope.primaries.get(ownerKey(op.owner)) : undefined;
  store(scope, row, changed);
  if (other === undefined || other.id === id) return;
  store(scope, { ...other, ...stamp, ref: { ...other.ref, isPrimary: false } }, changed);
}

/** Also of a ref that is not known yet: its put may still be on the way. */
function remove(
  scope: ScopeState,
  op: Delete,
  stamp: Stamp,
  now: number,
  changed: ChangedRow[],
): void {
  const id = rowId(op);
  const { mediaId, owner } = op;
  const known = rowOf(scope, mediaId, id);
  if (known?.deletedAt != null || (known !== undefined && op.undo === 'over')) return;
  const ref = known?.ref ?? { mediaId, url: offlineUrl(mediaId), kind: 'file' as const };
  const row = {
    ...stamp,
    id,
    deletedAt: now,
    owner,
    ref: { ...ref, isPrimary: false },
    rank: known?.rank ?? UNKNOWN_RANK,
  };
  store(scope, row, changed);
}

function rowOf(scope: ScopeState | undefined, mediaId: string, id: string): RefDelta | undefined {
  return scope?.rows.get(mediaId)?.get(id);
}

function store(scope: ScopeState, row: RefDelta, changed: ChangedRow[]): void {
  const { mediaId } = row.ref;
  const byId = scope.rows.get(mediaId) ?? new Map<string, RefDelta>();
  scope.rows.set(mediaId, byId);
  Object.freeze(row.owner.scope);
  Object.freeze(row.owner);
  Object.freeze(row.ref);
  byId.set(row.id, Object.freeze(row));
  const field = ownerKey(row.owner);
  if (row.ref.isPrimary === true) scope.primaries.set(field, row);
  else if (scope.primaries.get(field)?.id === row.id) scope.primaries.delete(field);
  changed.push({ scope: scopeKey(scope.scope), row });
}

/** Remembers that there is, or will be, an object, also when the put came too late: somebody has to delete it. */
function noteObject(
  { objects }: BackendState,
  op: BackendOp,
  refusal: Refusal | undefined,
  now: number,
): void {
  const mediaId = op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
  const { accountId } = op.owner.scope;
  const key = objectKey(accountId, mediaId);
  const known = objects.get(key);
  const arrived = op.type === 'ref.put' && !isOffline(op.ref.url);
  const kept = op.type === 'ref.delete' && op.keepObject === true;
  if (known === undefined && !arrived) return;
  const again = known !== undefined && op.type === 'ref.put' && isSentAgain(known, op);
  const told = arrived || again;
  objects.set(key, {
    accountId,
    mediaId,
    keep: kept || known?.keep === true,
    gone: known?.gone === true && !(again && refusal === undefined),
    removedAt: known?.removedAt ?? -1,
    present: told || known?.present === true,
    toldAt: told ? now : (known?.toldAt ?? now),
    url: arrived && refusal?.code !== 'object_gone' ? op.ref.url : (known?.url ?? null),
  });
}

/** It was deleted once, and this device has sent the bytes since, or does so now. */
function isSentAgain({ removedAt }: ObjectState, { sentAfter = -1 }: Put): boolean {
  return removedAt >= 0 && sentAfter >= removedAt;
}

function scopeOf({ scopes }: BackendState, { accountId, projectId }: OwnerScope): ScopeState {
  const scope = { accountId, projectId: projectId ?? null };
  const key = scopeKey(scope);
  const signal = { seq: 0, changedAt: 0, byCollection: {} };
  const state = scopes.get(key) ?? {
    scope,
    rows: new Map(),
    primaries: new Map(),
    signal,
    updatedAt: 0,
  };
  scopes.set(key, state);
  return state;
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
