import { expect } from 'vitest';
import type { AttachmentRef, MediaId, Owner } from '../../machines/attachment/types.ts';
import type {
  Backend,
  BackendOp,
  ChangeSignal,
  RefDelta,
  SyncCursor,
} from '../../ports/backend.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface BackendSetup extends ContractSetup {
  /** The account that both devices are signed in to; its collections are empty when the case begins. */
  readonly accountId: string;
  readonly backend: Backend;
  /** Another device of the same account. */
  readonly other: Backend;
  /** Resolves when every change-signal that is on its way has arrived. */
  readonly arrived: () => Promise<void>;
}

/** What every {@link Backend} keeps, whatever database is behind it: see {@link backendCases}. */
export function describeBackend(name: string, setup: () => Promise<BackendSetup>): void {
  describeContract(`backend contract: ${name}`, backendCases, setup);
}

/** One by one; {@link describeBackend} makes tests of them. */
export const backendCases: readonly ContractCase<BackendSetup>[] = [
  {
    title: 'applies an op once, however often it arrives (contract 1, outbox)',
    async run(world) {
      const pushed = { opId: 'op-1', op: put(world, 'm1') };
      expect(await push(world, pushed)).toEqual(['applied']);
      const [row] = await pullAll(world);
      expect(await push(world, pushed, pushed)).toEqual(['duplicate', 'duplicate']);
      expect(await pullAll(world)).toEqual([row]);
      expect(row).toMatchObject({ lastMutationId: 'op-1', deletedAt: null });
    },
  },
  {
    title: 'refuses another op under an id that it has seen (contract 10.8)',
    async run(world) {
      await push(world, { opId: 'op-1', op: put(world, 'm1') });
      expect(await push(world, { opId: 'op-1', op: put(world, 'm2') })).toEqual(['refused']);
      expect(await mediaIds(world)).toEqual(['m1']);
    },
  },
  {
    title: 'answers each op in its place, and goes on after one that it refuses (contract 4.6)',
    async run(world) {
      const { backend } = world;
      const wrong = { ...put(world, 'm1'), type: 'ref.destroy' } as unknown as BackendOp;
      const results = await backend.push(
        [
          { opId: 'a', op: put(world, 'm1') },
          { opId: 'b', op: wrong },
          { opId: 'c', op: put(world, 'm2') },
        ],
        { signal: never },
      );
      expect(results.map(({ opId, status }) => `${opId} ${status}`)).toEqual([
        'a applied',
        'b refused',
        'c applied',
      ]);
      const refused = results[1];
      expect(refused?.status === 'refused' && refused.code !== '' && refused.message !== '').toBe(
        true,
      );
      expect((await mediaIds(world)).toSorted()).toEqual(['m1', 'm2']);
    },
  },
  {
    title: 'shows another device what this one pushed, word for word',
    async run(world) {
      const op = put(world, 'm1', { isPrimary: true, contentType: 'image/jpeg', byteSize: 7 });
      await push(world, { opId: 'op-1', op });
      const [row] = await pullAll(world, world.other);
      expect(row?.ref).toEqual(op.ref);
      expect(row?.owner).toEqual(op.owner);
      expect(row?.rank).toBe(op.rank);
      expect(row?.id.startsWith('m1|')).toBe(true);
    },
  },
  {
    title: 'gives every row once, in order, through pages of any size',
    async run(world) {
      for (let n = 0; n < 7; n++) await push(world, { opId: `op-${n}`, op: put(world, `m${n}`) });
      await push(world, { opId: 'again', op: put(world, 'm2', { url: located('m2') }) });
      const whole = await pullAll(world);
      expect(whole.map(({ ref }) => ref.mediaId).toSorted()).toHaveLength(7);
      expect(whole).toEqual(whole.toSorted(byCursor));
      for (const limit of [1, 2, 3, 7]) {
        expect(await pullAll(world, world.backend, limit)).toEqual(whole);
      }
    },
  },
  {
    title: 'gives after a cursor what changed since, and nothing else',
    async run(world) {
      for (const id of ['m1', 'm2', 'm3']) await push(world, { opId: id, op: put(world, id) });
      const before = (await pullAll(world)).at(-1) as RefDelta;
      expect(await pullAll(world, world.other, 10, before)).toEqual([]);
      await push(world, { opId: 'late', op: put(world, 'm1', { url: located('m1') }) });
      const changed = await pullAll(world, world.other, 10, before);
      expect(changed.map(({ ref }) => ref.url)).toEqual([located('m1')]);
    },
  },
  {
    title: 'keeps a removed ref as a tombstone, which others pull',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1') });
      const before = (await pullAll(world)).at(-1) as RefDelta;
      await push(world, { opId: 'b', op: remove(world, 'm1') });
      const [row] = await pullAll(world, world.other, 10, before);
      expect(row?.ref.mediaId).toBe('m1');
      expect(typeof row?.deletedAt).toBe('number');
    },
  },
  {
    title: 'lets no late put bring a removed ref back, unless the user restored it (contract 5.2)',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1') });
      await push(world, { opId: 'b', op: remove(world, 'm1') });
      const late = { opId: 'c', op: put(world, 'm1', { url: located('m1') }) };
      expect(await push(world, late)).toEqual(['refused']);
      expect((await pullAll(world))[0]?.deletedAt).not.toBeNull();
      const restored = { ...put(world, 'm1'), restore: true } as const;
      expect(await push(world, { opId: 'd', op: restored })).toEqual(['applied']);
      expect((await pullAll(world))[0]?.deletedAt).toBeNull();
    },
  },
  {
    title:
      'takes a replaced ref away at once, and lets the end of its undo time pass by one that came back (contract 5.2)',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1') });
      await push(world, { opId: 'b', op: { ...remove(world, 'm1'), undo: 'open' } });
      expect((await pullAll(world))[0]?.deletedAt).not.toBeNull();
      const restored = { ...put(world, 'm1'), restore: true } as const;
      await push(world, { opId: 'c', op: restored });
      expect(
        await push(world, { opId: 'd', op: { ...remove(world, 'm1'), undo: 'over' } }),
      ).toEqual(['applied']);
      expect((await pullAll(world))[0]?.deletedAt).toBeNull();
    },
  },
  {
    title: 'has at most one primary for an owner and field (contract 1)',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1', { isPrimary: true }) });
      await push(world, { opId: 'b', op: put(world, 'm2', { isPrimary: true }) });
      const primary = (await pullAll(world)).filter(({ ref }) => ref.isPrimary);
      expect(primary.map(({ ref }) => ref.mediaId)).toEqual(['m2']);
    },
  },
  {
    title: 'takes no locator back for a device that has not heard of the upload',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1', { url: located('m1') }) });
      await push(world, { opId: 'b', op: put(world, 'm1') });
      expect((await pullAll(world))[0]?.ref.url).toBe(located('m1'));
    },
  },
  {
    title: 'keeps projects apart',
    async run(world) {
      await push(world, { opId: 'a', op: put(world, 'm1') });
      const scope = { accountId: world.accountId, projectId: 'another' };
      const page = await world.backend.pull(scope, null, { limit: 10, signal: never });
      expect(page).toEqual({ rows: [], more: false });
    },
  },
  {
    title: 'shows no account the rows of another one (contract 10.7)',
    async run({ backend }) {
      const scope = { accountId: 'somebody-else', projectId: null };
      await expect(backend.pull(scope, null, { limit: 10, signal: never })).rejects.toBeInstanceOf(
        Error,
      );
    },
  },
  {
    title: 'rejects what was aborted before it began',
    async run(world) {
      const { backend } = world;
      const signal = AbortSignal.abort();
      const op = { opId: 'a', op: put(world, 'm1') };
      await expect(backend.push([op], { signal })).rejects.toBeInstanceOf(Error);
      await expect(
        backend.pull(scopeOf(world), null, { limit: 10, signal }),
      ).rejects.toBeInstanceOf(Error);
      expect(await pullAll(world)).toEqual([]);
    },
  },
  {
    title: 'tells a listener the present signal, then a later one after each change',
    async run(world) {
      const heard: ChangeSignal[] = [];
      const stop = world.other.listen(scopeOf(world), (signal) => heard.push(signal));
      await world.arrived();
      expect(heard).toHaveLength(1);
      await push(world, { opId: 'a', op: put(world, 'm1') });
      await world.arrived();
      const [first, last] = [heard[0]?.seq ?? Number.NaN, heard.at(-1)?.seq ?? Number.NaN];
      expect(last).toBeGreaterThan(first);
      stop();
    },
  },
  {
    title: 'moves no signal for an op that it has seen or refuses',
    async run(world) {
      const pushed = { opId: 'a', op: put(world, 'm1') };
      await push(world, pushed);
      const heard: number[] = [];
      const stop = world.backend.listen(scopeOf(world), ({ seq }) => heard.push(seq));
      await world.arrived();
      await push(world, pushed, { opId: 'a', op: put(world, 'm2') });
      await world.arrived();
      expect(new Set(heard).size).toBe(1);
      stop();
    },
  },
  {
    title: 'tells nothing to who stopped listening',
    async run(world) {
      const heard: ChangeSignal[] = [];
      const stop = world.backend.listen(scopeOf(world), (signal) => heard.push(signal));
      await world.arrived();
      heard.length = 0;
      stop();
      stop();
      await push(world, { opId: 'a', op: put(world, 'm1') });
      await world.arrived();
      expect(heard).toEqual([]);
    },
  },
];

const never = new AbortController().signal;

const scopeOf = ({ accountId }: BackendSetup) => ({ accountId, projectId: null });

function ownerOf(world: BackendSetup): Owner {
  return { scope: scopeOf(world), entityType: 'item', entityId: 'i-1', field: 'images' };
}

function put(
  world: BackendSetup,
  mediaId: string,
  more: Partial<AttachmentRef> = {},
): Extract<BackendOp, { type: 'ref.put' }> {
  const url = `offline://${mediaId}`;
  const ref = {
    mediaId: mediaId as MediaId,
    url,
    kind: 'image',
    isPrimary: false,
    ...more,
  } as const;
  return { type: 'ref.put', owner: ownerOf(world), ref, rank: 'a0' };
}

function remove(world: BackendSetup, mediaId: string) {
  return { type: 'ref.delete', owner: ownerOf(world), mediaId: mediaId as MediaId } as const;
}

function located(mediaId: string): string {
  return `https://files.example.com/${mediaId}`;
}

async function push(
  { backend }: BackendSetup,
  ...ops: Parameters<Backend['push']>[0]
): Promise<readonly string[]> {
  return (await backend.push(ops, { signal: never })).map(({ status }) => status);
}

async function pullAll(
  world: BackendSetup,
  backend: Backend = world.backend,
  limit = 100,
  from: SyncCursor | null = null,
): Promise<readonly RefDelta[]> {
  const rows: RefDelta[] = [];
  let after: SyncCursor | null = from;
  for (let pages = 0; pages < 50; pages++) {
    const page = await backend.pull(scopeOf(world), after, { limit, signal: never });
    rows.push(...page.rows);
    const last = page.rows.at(-1);
    if (!page.more || last === undefined) return rows;
    after = { updatedAt: last.updatedAt, id: last.id };
  }
  throw new Error('50 pages and still more to come');
}

async function mediaIds(world: BackendSetup): Promise<readonly string[]> {
  return (await pullAll(world)).map(({ ref }) => ref.mediaId);
}

function byCursor(one: SyncCursor, other: SyncCursor): number {
  if (one.updatedAt !== other.updatedAt) return one.updatedAt - other.updatedAt;
  return one.id < other.id ? -1 : 1;
}
