import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { refOf } from '../../machines/attachment/ref-of.ts';
import { isRootOwner } from '../../machines/attachment/root-owner.ts';
import { type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables, OutboxTable } from '../../ports/attachment-tables.ts';
import type { BackendOp } from '../../ports/backend.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { Change } from '../host/definition.ts';
import type { FieldRegistry } from './fields.ts';
import { lendTransaction } from './lend-transaction.ts';

/** What follows from changed refs, in the commit that changed them (contract 3.3, 3.5). */
export interface Consequences {
  /** Writes outbox ops and runs the app's field projections. @throws {LadingError} `account_forgotten`. */
  apply(tx: StoreTransaction, changes: readonly Change[]): void;
}

export function createConsequences(options: {
  readonly tables: AttachmentTables;
  readonly outbox: OutboxTable;
  readonly fields: FieldRegistry;
  /** Whether the account is still the one that was opened; default: always. */
  isAccountOpen?(): boolean;
  /** Keeps op ids of two installations apart (contract 10.8). */
  readonly installationId: string;
}): Consequences {
  const { tables, outbox, fields } = options;

  function putOps(tx: StoreTransaction, change: Change): readonly Owner[] {
    const after = contextOf(change.after.context);
    const old = change.before === null ? null : contextOf(change.before.context);
    const before = new Map(old?.refs.map((entry) => [entry.key, entry]));
    // The backend refused these refs once; a retry asks it again, and so does news of the object.
    const isAskedAgain = old?.fault?.class === 'backend' && after.fault === null;
    const { at } = change.event;
    const fromBackend = !isAskedAgain && BACKEND_EVENTS.has(change.event.type);
    const touched: Owner[] = [];
    let count = 0;
    const tell = (op: BackendOp, dueAt = AT_ONCE): void => {
      const opId = `${options.installationId}:${change.stream}:${change.version}:${count++}`;
      outbox.put(tx, { opId, accountId: after.accountId, op, at, dueAt });
    };

    for (const entry of after.refs) {
      const known = before.get(entry.key);
      const same =
        known?.rank === entry.rank &&
        known.isPrimary === entry.isPrimary &&
        old?.url === after.url &&
        old?.sentAfter === after.sentAfter;
      if (same && !isAskedAgain) continue;
      touched.push(entry.owner);
      if (fromBackend || isRootOwner(entry.owner)) continue;
      // A removal that was taken back in time was never told: then a tombstone is another device's, and wins.
      const isWithdrawn =
        known === undefined && outbox.withdrawRemovals(tx, after.mediaId, entry.key, at);
      const isBack = isWithdrawn && !wasReplaced(old, entry.key);
      tell({
        type: 'ref.put',
        owner: entry.owner,
        ref: refOf(after, entry),
        rank: entry.rank,
        ...(known === undefined && !isBack ? { restore: true } : {}),
        // The backend deleted the object once: a claim before the bytes are sent again, and proof after it.
        ...(after.sentAfter === undefined ? {} : { sentAfter: after.sentAfter }),
      });
    }

    const kept = new Set(after.refs.map((entry) => entry.key));
    for (const gone of before.values()) {
      if (kept.has(gone.key)) continue;
      touched.push(gone.owner);
      if (fromBackend || isRootOwner(gone.owner)) continue;
      const undoable = after.undoable.some((entry) => entry.key === gone.key);
      const op: BackendOp = {
        type: 'ref.delete',
        owner: gone.owner,
        mediaId: after.mediaId,
        // The app's own tables may still lead to the object.
        ...(after.policy.remoteOnRelease === 'keep' || hasRoot(after) ? { keepObject: true } : {}),
      };
      // Held back while it can be undone: until then the backend need not know.
      const heldUntil = at + after.policy.undoGraceMs;
      if (!undoable) tell(op);
      else if (!wasReplaced(after, gone.key)) tell(op, heldUntil);
      else {
        // With the put of its successor, or others would see two refs where one took the place of the other.
        tell({ ...op, undo: 'open' });
        tell({ ...op, undo: 'over' }, heldUntil);
      }
    }
    return touched;
  }

  return {
    apply(tx, changes) {
      if (changes.some(({ before }) => before === null) && options.isAccountOpen?.() === false) {
        // Its bytes may be gone already, and it would bring the account back.
        throw new LadingError('account_forgotten', 'This account was forgotten: open Lading anew.');
      }
      const touched = new Map<string, Owner>();
      for (const change of changes) {
        for (const owner of putOps(tx, change)) touched.set(ownerKey(owner), owner);
      }
      for (const [key, owner] of touched) {
        const field = fields.find(owner);
        if (field?.project === undefined) continue;
        const refs = tables.refsOfOwner(tx, key).map((row) => row.ref);
        lendTransaction(tx.sql, `the projection of "${field.name}"`, (sql) =>
          field.project?.(sql, owner, refs),
        );
      }
    },
  };
}

/**
 * Not the time of the event: a clock that was set back since would let later ops of the same ref overtake this one,
 * and a put that arrives after its removal brings the ref back.
 */
const AT_ONCE = 0;

/** These came from the backend: telling it again would go round for ever. */
const BACKEND_EVENTS: ReadonlySet<string> = new Set([
  'ref.synced',
  'ref.tombstoned',
  'remote.located',
]);

function wasReplaced(context: AttachmentContext | null, key: string): boolean {
  return context?.undoable.some((one) => one.key === key && one.replaced === true) === true;
}

function hasRoot({ refs }: AttachmentContext): boolean {
  return refs.some(({ owner }) => isRootOwner(owner));
}

/** The attachment machine's context, as a change carries it. */
export function contextOf(context: Change['after']['context']): AttachmentContext {
  return context as unknown as AttachmentContext;
}
