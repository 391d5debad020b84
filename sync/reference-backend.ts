import type { OwnerScope } from '../machines/attachment/types.ts';
import type {
  Backend,
  ChangeSignal,
  DeltaPage,
  PushedOp,
  PushResult,
  RefDelta,
  SyncCursor,
} from '../ports/backend.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import { LadingError } from '../ports/errors.ts';
import type { ObjectKey } from '../ports/remote.ts';
import { createDeltaOrder, type DeltaOrder } from './delta-order.ts';
import {
  applyOp,
  type BackendState,
  emptyBackend,
  type Refusal,
  rowsOfMedia,
  rowsOfScope,
  type ScopeState,
} from './reference-model.ts';
import { scopeKey } from './scope-key.ts';

/**
 * The rules of a backend that Lading can work with, in one process and in memory: to build an app against, to test
 * with, and to read when writing a real one. Calls without a promise take effect at once, as a whole.
 */
export interface ReferenceBackend {
  /** The port, for one signed-in account. Scopes of other accounts are `wrong_account`. */
  client(accountId: string): Backend;
  /**
   * Applies ops in order and drops those it has seen (contract 1, outbox). Each change of a scope gets an `updatedAt`
   * later than all before it and moves the change-signal in the same step.
   */
  push(accountId: string, ops: readonly PushedOp[]): readonly PushResult[];
  /** Rows of one scope after the cursor, by `(updatedAt, id)`. */
  pull(accountId: string, scope: OwnerScope, after: SyncCursor | null, limit: number): DeltaPage;
  signal(accountId: string, scope: OwnerScope): ChangeSignal;
  /** Calls `listener` with the present signal and after each change; several changes may come as one. */
  listen(accountId: string, scope: OwnerScope, listener: (signal: ChangeSignal) => void): Cancel;
  /** Every row of an account, tombstones included: for tests and oracles. */
  rows(accountId: string): readonly RefDelta[];
  /**
   * Objects that no ref has pointed at for `graceMs` (at least the policy's `lateArrivalMs`): to be deleted at the remote and then reported with
   * {@link objectRemoved} (contract 5.2). Never those that a field keeps.
   */
  unreferenced(graceMs: number): readonly ObjectKey[];
  /** The object is deleted: from here on no put brings a ref to it back, unless its bytes are sent again. */
  objectRemoved(key: ObjectKey): void;
}

/** @param options `clock` gives the server's time; it may jump, the deltas' order does not. */
export function createReferenceBackend(options: { readonly clock: Clock }): ReferenceBackend {
  const { clock } = options;
  /** Every op that was answered, refusals too: what lands again, however late, is answered as it was. */
  const seen = new Map<string, { readonly content: string; readonly refusal?: Refusal }>();
  const listeners = new Set<{ readonly scope: string; readonly tell: () => void }>();
  const state = emptyBackend();
  const orders = new Map<string, DeltaOrder>();
  const orderOf = (scope: string): DeltaOrder => {
    const order = orders.get(scope) ?? createDeltaOrder();
    orders.set(scope, order);
    return order;
  };
  const signalOf = (scope: string): ChangeSignal =>
    state.scopes.get(scope)?.signal ?? { seq: 0, changedAt: 0, byCollection: {} };

  const pushOne = (accountId: string, pushed: PushedOp): PushResult => {
    const { opId } = pushed;
    const refused = (why: Refusal): PushResult => ({ opId, status: 'refused', ...why });
    if (typeof opId !== 'string' || opId === '') {
      return refused({ code: 'invalid_op', message: 'An op needs an id.' });
    }
    const seenKey = JSON.stringify([accountId, opId]);
    const content = canonical(pushed.op);
    const before = seen.get(seenKey);
    if (before?.content === content) {
      return before.refusal === undefined ? { opId, status: 'duplicate' } : refused(before.refusal);
    }
    if (before !== undefined) {
      return refused({ code: 'op_id_reused', message: 'Another op had this id.' });
    }

    const told = Array.from(listeners, (listener) => ({
      ...listener,
      ...signalOf(listener.scope),
    }));
    const applied = applyOp(state, accountId, { opId, op: copyOf(content) }, clock.now());
    for (const { scope, row } of applied.changed) orderOf(scope).changed(row);
    for (const { scope, tell, seq } of told) if (signalOf(scope).seq !== seq) tell();
    const { refusal } = applied;
    seen.set(seenKey, refusal === undefined ? { content } : { content, refusal });
    if (refusal !== undefined) return refused(refusal);
    return { opId, status: 'applied' };
  };

  const backend: ReferenceBackend = {
    client: (accountId) => asPort(backend, accountId),
    push: (accountId, ops) => ops.map((op) => pushOne(accountId, op)),
    pull(accountId, scope, after, limit) {
      const most = Math.max(1, Math.min(1_000, Math.floor(limit)));
      const rows = orderOf(ownScope(accountId, scope)).after(after, most + 1);
      return { rows: rows.slice(0, most), more: rows.length > most };
    },
    signal: (accountId, scope) => signalOf(ownScope(accountId, scope)),
    listen(accountId, scope, listener) {
      const key = ownScope(accountId, scope);
      let scheduled: Cancel | undefined;
      const tell = (): void => {
        scheduled ??= clock.schedule(0, () => {
          scheduled = undefined;
          listener(backend.signal(accountId, scope));
        });
      };
      const entry = { scope: key, tell };
      listeners.add(entry);
      tell();
      return () => {
        listeners.delete(entry);
        scheduled?.();
      };
    },
    rows: (accountId) => rowsOf(state, accountId),
    unreferenced(graceMs) {
      const latest = clock.now() - graceMs;
      return [...state.objects]
        .filter(([, { keep, present, toldAt, accountId, mediaId }]) => {
          if (keep || !present || toldAt > latest) return false;
          return scopesOf(state, accountId)
            .flatMap((scope) => rowsOfMedia(scope, mediaId))
            .every(
              ({ id, deletedAt }) =>
                deletedAt !== null && deletedAt <= latest && !state.undoable.has(id),
            );
        })
        .map(([key]) => key);
    },
    objectRemoved(key) {
      const object = state.objects.get(key);
      if (object === undefined) return;
      const removedAt = Math.max(clock.now(), object.removedAt + 1);
      state.objects.set(key, { ...object, gone: true, removedAt, present: false, url: null });
    },
  };
  return backend;
}

function asPort(backend: ReferenceBackend, accountId: string): Backend {
  return {
    // `async`: what the backend throws must arrive as a rejection.
    async push(ops, { signal }) {
      signal.throwIfAborted();
      return backend.push(accountId, ops);
    },
    async pull(scope, after, { limit, signal }) {
      signal.throwIfAborted();
      return backend.pull(accountId, scope, after, limit);
    },
    listen: (scope, listener) => backend.listen(accountId, scope, listener),
  };
}

/** @throws {LadingError} `wrong_account`: no account sees another one's rows (contract 10.7). */
function ownScope(accountId: string, scope: OwnerScope): string {
  if (scope.accountId === accountId) return scopeKey(scope);
  throw new LadingError('wrong_account', 'The scope belongs to another account.');
}

function rowsOf(state: BackendState, accountId: string): readonly RefDelta[] {
  return scopesOf(state, accountId).flatMap(rowsOfScope);
}

function scopesOf({ scopes }: BackendState, accountId: string): readonly ScopeState[] {
  return [...scopes.values()].filter(({ scope }) => scope.accountId === accountId);
}

/** The same text for the same content, in whatever order its keys were written. */
function canonical(op: unknown): string {
  return JSON.stringify(op, sortedKeys) ?? 'null';
}

function sortedKeys(_key: string, value: unknown): unknown {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}

/** What is stored is frozen; the caller's object stays its own. Its shape is checked next. */
function copyOf(content: string): PushedOp['op'] {
  return JSON.parse(content) as PushedOp['op'];
}
