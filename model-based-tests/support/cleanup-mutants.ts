import type { HostedMachine, Json, Stepper } from 'lading/host';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { UndoEntry } from '../../machines/attachment/types.ts';
import type { Remote } from '../../ports/remote.ts';
import type { CleanupMutant } from './cleanup-world.ts';
import { type Event, ignoring, withoutWrites } from './feature-mutants.ts';

/** A mutant, and the cells in which it shows. */
export interface NamedCleanupMutant extends CleanupMutant {
  readonly trigger: string;
  /** Default `linked / uploading / present`. */
  readonly place?: string;
}

export const cleanupMutants: readonly NamedCleanupMutant[] = [
  {
    title: 'the second look is dropped',
    trigger: 'cancel, and the upload lands after the first DELETE',
    remote: (real) => removingWhen(real, (nth) => nth === 1),
  },
  {
    title: 'the first removal counts as the second look',
    trigger: 'cancel, and the upload lands after the first DELETE',
    machine: answering('removeRemote', ({ sweeps }) => sweeps > 0),
  },
  {
    title: 'the object of what was never attached stays',
    trigger: 'cancel',
    place: 'linked / attaching / present',
    machine: answering('removeRemote', () => true),
  },
  {
    title: 'the bytes of what is gone stay',
    trigger: 'cancel',
    machine: answering('purge', () => true),
  },
  {
    title: 'a tombstone of a delta is not listened to',
    trigger: 'tombstone by a delta',
    machine: ignoring(({ type }) => type === 'ref.tombstoned'),
  },
  {
    title: 'the undo time never ends',
    trigger: 'remove',
    machine: ignoring(({ type }) => type.startsWith('xstate.after.undoGrace')),
  },
  {
    title: "a draft's grace never ends",
    trigger: 'nothing but time',
    place: 'draft / parked / present',
    machine: ignoring(({ type }) => type.startsWith('xstate.after.draftGrace')),
  },
  {
    title: 'what was removed is forgotten with the last ref',
    trigger: 'remove + undo',
    machine: afterEach((context, { type }) =>
      type === 'ref.unlinked' && context.refs.length === 0 ? { undoable: [] } : {},
    ),
  },
  {
    title: 'an undo forgets which one was primary',
    trigger: 'ownerDeleted, the whole entity, + undo',
    machine: afterEach((context, { type }) =>
      type === 'ref.unlinked' ? { undoable: context.undoable.map(notPrimary) } : {},
    ),
  },
  {
    title: 'a retry takes a removal back',
    trigger: 'remove, and a retry',
    machine: (real) => {
      const { stepper } = real;
      const step: Stepper['step'] = (snapshot, event) => {
        const [first] = contextIn(snapshot).undoable;
        const isRevived = event.type === 'retry.requested' && first !== undefined;
        const back = { type: 'ref.undone', owner: first?.owner as unknown as Json };
        return stepper.step(snapshot, isRevived ? { ...event, ...back } : event);
      };
      return { ...real, stepper: { ...stepper, step } };
    },
  },
  {
    title: 'the backend is not told of a removal',
    trigger: 'the last of two refs is removed',
    store: withoutWrites(
      (sql, params) =>
        sql.includes('INTO lading_outbox') &&
        params.some((one) => String(one).includes('ref.delete')),
    ),
  },
  {
    title: 'the backend is told to keep an object that nobody needs',
    trigger: 'remove',
    place: 'linked / uploaded / present',
    machine: afterEach((context, { type }) =>
      type === 'ref.unlinked'
        ? { policy: { ...context.policy, remoteOnRelease: 'keep' as const } }
        : {},
    ),
  },
  {
    title: 'the app’s column keeps what was cancelled',
    trigger: 'cancel',
    machine: (real) => ({
      ...real,
      beforeCommit: (tx, changes) =>
        real.beforeCommit?.(
          tx,
          changes.filter(({ event }) => event.type !== 'cancelled'),
        ),
    }),
  },
  {
    title: 'the usage is not given back',
    trigger: 'cancel',
    store: withoutWrites(
      (sql, params) =>
        sql.includes('lading_usage') && params.some((one) => typeof one === 'number' && one < 0),
    ),
  },
  {
    title: 'a service that was stopped keeps its task',
    trigger: 'remove',
    store: withoutWrites(
      (sql, params) => sql.startsWith('DELETE FROM lading_task') && params.includes('upload'),
    ),
  },
];

/** A service that says "done" and did nothing. */
function answering(
  service: string,
  isIdle: (context: AttachmentContext) => boolean,
): (real: HostedMachine) => HostedMachine {
  return (real) => {
    const { [service]: honest } = real.services;
    if (honest === undefined) throw new Error(`there is no service ${service}`);
    const run: typeof honest.run = async (input, given) => {
      const context = given.state()?.context as unknown as AttachmentContext;
      return isIdle(context) ? { ok: true } : honest.run(input, given);
    };
    return { ...real, services: { ...real.services, [service]: { ...honest, run } } };
  };
}

/** Changes the context after each step. */
function afterEach(
  change: (context: AttachmentContext, event: Event) => Partial<AttachmentContext>,
): (real: HostedMachine) => HostedMachine {
  return (real) => {
    const { stepper } = real;
    const step: Stepper['step'] = (snapshot, event) => {
      const taken = stepper.step(snapshot, event);
      const context = contextIn(taken.snapshot);
      const changed = { ...context, ...change(context, event) };
      return { ...taken, snapshot: { ...taken.snapshot, context: changed } as never };
    };
    return { ...real, stepper: { ...stepper, step } };
  };
}

function removingWhen(real: Remote, isHonest: (nth: number) => boolean): Remote {
  const counts = new Map<string, number>();
  return {
    ...real,
    async remove(key, options) {
      const nth = (counts.get(key) ?? 0) + 1;
      counts.set(key, nth);
      return isHonest(nth) ? real.remove(key, options) : { ok: true };
    },
  };
}

function contextIn(snapshot: unknown): AttachmentContext {
  return (snapshot as { readonly context: AttachmentContext }).context;
}

function notPrimary(entry: UndoEntry): UndoEntry {
  return { ...entry, isPrimary: false };
}
