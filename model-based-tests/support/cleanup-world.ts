import type { SqlDatabase } from 'lading';
import { createReferenceBackend, type ReferenceBackend } from 'lading/sync';
import { type MemoryRemote, virtualClock } from 'lading/testing';
import type { BackendOp, PushedOp } from '../../ports/backend.ts';
import type { ObjectKey, Remote } from '../../ports/remote.ts';
import { type InputName, inputs } from './cases.ts';
import { ACCOUNT, type FeatureMutant, type FeatureWorld, featureWorld } from './feature-world.ts';

/** One device, its remote, and a backend that another device of the account talks to as well. */
export interface CleanupWorld extends FeatureWorld {
  readonly backend: ReferenceBackend;
  /** Objects that land once, when the first DELETE of them was answered. */
  readonly lateObjects: Map<ObjectKey, Uint8Array>;
  /** What is due in the outbox reaches the backend; the replies are lost. */
  landOutbox(): void;
  /** All of the outbox reaches the backend, and is acknowledged: what was held back, too. */
  emptyOutbox(): void;
  /** Another device of the account says this to the backend. */
  other(op: BackendOp): void;
  /** The backend deletes the objects that nothing has referred to for its grace. */
  sweepBackend(): void;
}

/** A mutant of the engine, or of what stands around it. */
export interface CleanupMutant extends FeatureMutant {
  readonly remote?: (real: Remote) => Remote;
}

/** The backend's grace: no request of before lives longer (contract 5.2). */
const BACKEND_GRACE_MS = 15 * 60_000;

export async function cleanupWorld(options: {
  readonly store: SqlDatabase;
  readonly input: InputName;
  readonly mutant?: CleanupMutant;
}): Promise<CleanupWorld> {
  const { input, mutant } = options;
  const clock = virtualClock({ startAt: inputs.captured.capturedAt });
  const backend = createReferenceBackend({ clock });
  const lateObjects: CleanupWorld['lateObjects'] = new Map();
  let others = 0;
  const world = await featureWorld({
    store: options.store,
    clock,
    policy: {
      dropLocalAtOnce: input === 'droppedAtOnce',
      network: input === 'unmetered' ? 'unmetered' : 'any',
    },
    startAt: inputs.captured.capturedAt,
    ...(mutant === undefined ? {} : { mutant }),
    backend: backend.client(ACCOUNT),
    remote: (real) => mutant?.remote?.(lateRemote(real)) ?? lateRemote(real),
    resumableAboveBytes: 0,
  });

  /** The object is there again after the first removal: a request that a proxy held landed behind it. */
  function lateRemote(real: MemoryRemote): Remote {
    return {
      ...real,
      async remove(key, call) {
        const outcome = await real.remove(key, call);
        const bytes = lateObjects.get(key);
        if (outcome.ok && bytes !== undefined) {
          lateObjects.delete(key);
          real.objects.set(key, { bytes, media: null });
        }
        return outcome;
      },
      // A locator may carry more than the key.
      download: (url, call) => real.download(url.replace(/\?.*$/, ''), call),
    };
  }

  const push = (ops: readonly PushedOp[]): void => void backend.push(ACCOUNT, ops);

  function land(dueAt: number): void {
    const sql = 'SELECT op_id, op FROM lading_outbox WHERE due_at <= ? ORDER BY seq';
    const ops = world.store.all(sql, dueAt).map((row) => ({
      opId: String(row['op_id']),
      op: JSON.parse(String(row['op'])) as BackendOp,
    }));
    push(ops);
  }

  return Object.assign(world, {
    backend,
    lateObjects,
    landOutbox: () => land(clock.now()),
    emptyOutbox() {
      land(Number.MAX_SAFE_INTEGER);
      world.store.run('DELETE FROM lading_outbox');
    },
    other: (op: BackendOp) => push([{ opId: `other:${others++}`, op }]),
    sweepBackend() {
      for (const key of backend.unreferenced(BACKEND_GRACE_MS)) {
        world.remote.objects.delete(key);
        backend.objectRemoved(key);
      }
    },
  });
}
