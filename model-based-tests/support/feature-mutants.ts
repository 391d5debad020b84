import type { AppStatement, Fields, SqlDatabase, SqlValue } from 'lading';
import type { HostedMachine, Stepper } from 'lading/host';
import type { FeatureMutant } from './feature-world.ts';

/** A mutant, and the operations in whose cells it shows: others need not be run. */
export interface NamedFeatureMutant extends FeatureMutant {
  readonly operation: string;
  /** The machine state in which it is looked for. Default `linked / queued / present`. */
  readonly state?: string;
}

export type Event = Readonly<Record<string, unknown>> & { readonly type: string };

export const featureMutants: readonly NamedFeatureMutant[] = [
  {
    title: "the app's column is not rewritten on undo",
    operation: 'remove + undo',
    machine: (real) => ({
      ...real,
      beforeCommit: (tx, changes) =>
        real.beforeCommit?.(
          tx,
          changes.filter(({ event }) => event.type !== 'ref.undone'),
        ),
    }),
  },
  {
    title: 'nobody is promoted when the primary one goes',
    operation: 'remove',
    machine: ignoring((event) => event.type === 'ref.primary' && event['isPrimary'] === true),
  },
  {
    title: 'the old primary one stays when another is made primary',
    operation: 'remove + undo',
    machine: ignoring((event) => event.type === 'ref.primary' && event['isPrimary'] === false),
  },
  {
    title: 'nothing is counted',
    operation: 'captureAll, one too many',
    fields: changed(({ single: _single, ...spec }) => ({ ...spec, maxCount: 1_000 })),
  },
  {
    title: 'sizes are not looked at',
    operation: 'capture, too large',
    fields: changed((spec) => ({ ...spec, maxBytes: Number.POSITIVE_INFINITY })),
  },
  {
    title: 'every kind is taken',
    operation: 'capture, a wrong kind',
    fields: changed(({ contentTypes: _types, ...spec }) => ({
      ...spec,
      kinds: ['image', 'pdf', 'video'],
    })),
  },
  {
    title: 'replace keeps both',
    operation: 'replace',
    machine: ignoring((event) => event['reason'] === 'replaced'),
  },
  {
    title: 'an entity that is deleted keeps its attachments',
    operation: 'ownerDeleted',
    machine: ignoring((event) => event['reason'] === 'owner_deleted'),
  },
  {
    title: 'move is forgotten',
    operation: 'move',
    machine: ignoring((event) => event.type === 'ref.moved'),
  },
  {
    title: 'what is cancelled leaves its row',
    operation: 'cancel',
    machine: (real) => ({
      ...real,
      project: (tx, change) => {
        if (change.event.type !== 'cancelled') real.project?.(tx, change);
      },
    }),
  },
  {
    title: 'the backend is not told of removals',
    operation: 'remove',
    store: withoutWrites(
      (sql, params) =>
        sql.includes('INTO lading_outbox') &&
        params.some((one) => String(one).includes('ref.delete')),
    ),
  },
  {
    title: 'a pause is forgotten',
    operation: 'pause',
    machine: ignoring((event) => event.type === 'held'),
  },
  {
    title: 'bytes of what is gone stay',
    operation: 'cancel',
    machine: (real) => ({
      ...real,
      services: { ...real.services, purge: { run: async () => ({ ok: true }) } },
    }),
  },
  {
    title: 'objects of what is gone stay',
    operation: 'cancel',
    // The bytes have landed, and no locator is known yet: this device's to remove (contract 5.2).
    state: 'linked / attaching / present',
    machine: (real) => ({
      ...real,
      services: { ...real.services, removeRemote: { run: async () => ({ ok: true }) } },
    }),
  },
  {
    title: 'nothing is uploaded, and all of it said to be',
    operation: 'capture',
    machine: (real) => ({
      ...real,
      services: {
        ...real.services,
        upload: {
          run: async (input) => {
            const { mediaId } = input as { readonly mediaId: string };
            const url = `https://objects.example/account-1/${mediaId}`;
            return { ok: true, receipt: { url, token: null, byteSize: 1 } };
          },
        },
      },
    }),
  },
];

/** The machine, deaf to some events. */
export function ignoring(
  isDeafTo: (event: Event) => boolean,
): (real: HostedMachine) => HostedMachine {
  return (real) => {
    const { stepper } = real;
    const step: Stepper['step'] = (snapshot, event) =>
      isDeafTo(event)
        ? stepper.step(snapshot, { ...event, type: 'read.requested' })
        : stepper.step(snapshot, event);
    return { ...real, stepper: { ...stepper, step } };
  };
}

function changed(change: (spec: Fields[string]) => Fields[string]): (real: Fields) => Fields {
  return (real) =>
    Object.fromEntries(Object.entries(real).map(([name, spec]) => [name, change(spec)]));
}

/** The database, without some of the rows that it should have written. */
export function withoutWrites(
  isLost: (sql: AppStatement['sql'], params: readonly SqlValue[]) => boolean,
): (real: SqlDatabase) => SqlDatabase {
  return (real) =>
    Object.assign(Object.create(real) as SqlDatabase, {
      run: (sql: string, ...params: readonly SqlValue[]) =>
        isLost(sql, params) ? 1 : real.run(sql, ...params),
    });
}
