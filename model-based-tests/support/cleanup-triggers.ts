import type { Json, JsonObject } from 'lading/host';
import type { ServiceName } from '../../machines/attachment/events.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import { objectKey } from '../../ports/remote.ts';
import type { CleanupWorld } from './cleanup-world.ts';
import { contextIn, putObject, urlOf } from './feature-cells.ts';
import { secondOwner } from './feature-list.ts';
import { operations } from './feature-operations.ts';
import type { Cell, Driving, Met, Operation } from './feature-types.ts';
import { ACCOUNT, asStreamId, type HungCall } from './feature-world.ts';

/** What makes an attachment, or a ref of it, go (contract 5.1), with what the world does meanwhile. */
export interface Trigger extends Operation {
  run(cell: Cell, driving: CleanupDriving): Promise<readonly string[]>;
  /** Once it is committed: every service that ran then answers, and says that it was a success. */
  readonly answersLate?: boolean;
  /** The upload's bytes lie in a proxy, and land when the first DELETE has been answered. */
  readonly landsLate?: boolean;
  /** Tried so long after, and refused with this code. */
  readonly later?: {
    readonly afterMs: number;
    run(cell: Cell, driving: CleanupDriving): Promise<unknown>;
    refused(met: Met): string | null;
  };
}

export interface CleanupDriving extends Driving {
  readonly world: CleanupWorld;
}

const named = (name: string): Operation => {
  const found = operations.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no operation ${name}`);
  return found;
};
const [cancel, remove, replace] = [named('cancel'), named('remove'), named('replace')];
const ownerDeleted = named('ownerDeleted');

/** The same verb, and something that happens around it. */
const also = (verb: Operation, name: string, more: Partial<Trigger>): Trigger => ({
  ...verb,
  name: `${verb.name}, ${name}`,
  needsOwn: true,
  ...more,
});

/** With an event of the engine's own just before or after the verb. */
const withEvent = (
  verb: Operation,
  name: string,
  { before, after }: { readonly before?: string; readonly after?: string },
): Trigger =>
  also(verb, name, {
    async run(cell, driving) {
      const { host } = driving;
      const stream = asStreamId(cell.subject);
      if (before !== undefined) await host.send(stream, { type: before });
      try {
        return await verb.run(cell, driving);
      } finally {
        if (after !== undefined) await host.send(stream, { type: after });
      }
    },
  });

/** A delta deletes the ref: another device said so to the backend. */
const tombstone: Trigger = {
  name: 'tombstone by a delta',
  needsOwn: true,
  needsNeighbours: true,
  async run({ subject, owner }, { host, world }) {
    world.landOutbox();
    world.other({ type: 'ref.delete', owner, mediaId: subject });
    const event = { type: 'ref.tombstoned', owner: owner as unknown as JsonObject };
    await host.send(asStreamId(subject), event);
    return [];
  },
  ids: (met, made) => remove.ids?.(met, made) ?? met.list.ids,
  // Whoever removed it says who is primary now.
  primary: ({ cell, list }) => (list.primary === cell.subject ? null : list.primary),
};

export const triggers: readonly Trigger[] = [
  cancel,
  ownerDeleted,
  {
    ...ownerDeleted,
    name: 'ownerDeleted, the whole entity',
    async run({ owner }, { lading }) {
      const { field: _field, ...entity } = owner;
      await lading.ownerDeleted(entity);
      return [];
    },
  },
  named('ownerDeleted, the whole entity, + undo'),
  remove,
  replace,
  {
    name: 'the last of two refs is removed',
    needsOwn: true,
    needsNeighbours: true,
    async run(cell, { lading }) {
      const second = secondOwner(cell.feature, cell.owner);
      await lading.link(cell.subject, second);
      if (lading.list(cell.owner).some(({ ref }) => ref.mediaId === cell.subject)) {
        await lading.remove(cell.subject, cell.owner);
      }
      await lading.remove(cell.subject, second);
      return [];
    },
    refused: ({ reference }) => (reference === 'gone' ? 'already_gone' : null),
    ids: (met, made) => remove.ids?.(met, made) ?? met.list.ids,
  },
  tombstone,
  named('remove + undo'),
  named('replace + undo'),
  named('undo of an earlier removal'),
  also(remove, 'and undone too late', {
    async run(cell, { lading }) {
      cell.token = await lading.remove(cell.subject, cell.owner);
      return [];
    },
    later: {
      afterMs: 31_000,
      run: async (cell, { lading }) => cell.token && lading.undo(cell.token),
      refused: ({ cell: { token } }) => (token === undefined ? null : 'undo_expired'),
    },
  }),
  // A draft's grace, and that of a ref that went before: time is what comes over them.
  { name: 'nothing but time', run: async () => [], needsOwn: true },
  ...[cancel, remove, replace, ownerDeleted, tombstone].map((verb) =>
    also(verb, 'and every service succeeds late', { answersLate: true }),
  ),
  ...[cancel, remove, replace, tombstone].map((verb) =>
    also(verb, 'and the upload lands after the first DELETE', { landsLate: true }),
  ),
  ...[cancel, remove].flatMap((verb) => [
    withEvent(verb, 'with an eviction under way', { before: 'evict.requested' }),
    withEvent(verb, 'and a retry', { after: 'retry.requested' }),
  ]),
];

/** Lets a service's call succeed that the trigger stopped, or did not; bytes reach the world as far as they would. */
export async function answerLate(cell: Cell, driving: CleanupDriving): Promise<ServiceName[]> {
  const { world } = driving;
  const stopped = world.stopped(cell.subject);
  const running = ALL.map((name) => world.call(cell.subject, name)).filter(
    (call): call is HungCall => call !== undefined,
  );
  for (const call of [...stopped, ...running]) {
    call.resolve(await succeed(cell, driving, call, stopped.includes(call)));
  }
  return stopped.map(({ service }) => service);
}

const ALL: readonly ServiceName[] = [
  'upload',
  'attach',
  'removeRemote',
  'evict',
  'download',
  'purge',
];

async function succeed(
  cell: Cell,
  driving: CleanupDriving,
  { service }: HungCall,
  wasStopped: boolean,
): Promise<Json> {
  const { world } = driving;
  const { subject, bytes } = cell;
  const { blobKey, sweeps } = contextIn(driving, subject);
  const url = urlOf(subject);
  switch (service) {
    case 'upload':
      // No request lives longer than the second look is late: what that saw gone stays gone (contract 5.2).
      if (sweeps < 2) putObject(driving, cell);
      return { ok: true, receipt: { url, token: 'late', byteSize: bytes.byteLength } };
    case 'attach':
      return { ok: true, url };
    case 'download': {
      const key = `blobs/late-${subject}`;
      // One that was stopped has taken its bytes away again.
      if (!wasStopped) world.blobs.spoil(key as BlobKey, bytes);
      return { ok: true, blobKey: key };
    }
    case 'removeRemote':
      world.remote.objects.delete(objectKey(ACCOUNT, subject));
      return { ok: true };
    case 'evict':
    case 'purge':
  }
  if (blobKey !== null) await world.blobs.remove(blobKey as BlobKey);
  return { ok: true };
}
