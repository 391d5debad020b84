import { type AttachmentKind, bytesSource, type Lading, type UndoToken } from 'lading';
import { secondOwner } from './feature-list.ts';
import type { Cell, Met, Operation } from './feature-types.ts';
import { smallFile } from './small-files.ts';

const isLinked = ({ reference }: Met): boolean => reference === 'linked';
const isGone = ({ reference }: Met): boolean => reference === 'gone';
const hasRoom = ({ cell, list }: Met, count = 1): boolean =>
  list.ids.length + count <= cell.feature.maxCount;
const unlessLinked = (met: Met): string | null => (isLinked(met) ? null : 'not_found');
const inList = (met: Met): string | null =>
  met.cell.feature.single ? 'not_single' : unlessLinked(met);
const unlessRoom = (met: Met): string | null => (hasRoom(met) ? null : 'too_many');
const appended = ({ list }: Met, made: readonly string[]): readonly string[] => [
  ...list.ids,
  ...made,
];
const without = ({ cell, list }: Met): readonly string[] =>
  list.ids.filter((id) => id !== cell.subject);

async function capture(
  lading: Lading,
  { feature, owner, subject }: Cell,
  more: { readonly draft?: boolean } = {},
): Promise<string> {
  const source = smallFile(feature.kind, `${subject} and one more`);
  const { id } = await lading.capture(source, { owner, kind: feature.kind, ...more });
  return id;
}

function batch(lading: Lading, { feature, owner, subject }: Cell, count: number) {
  const files = Array.from({ length: count }, (_, n) => ({
    source: smallFile(feature.kind, `${subject} and ${n}`),
    kind: feature.kind,
  }));
  return lading.captureAll(files, { owner }).then((made) => made.map(({ id }) => id));
}

const none = async (verb: Promise<unknown>): Promise<readonly string[]> => {
  await verb;
  return [];
};

export const operations: readonly Operation[] = [
  {
    name: 'capture',
    run: async (cell, { lading }) => [await capture(lading, cell)],
    refused: unlessRoom,
    ids: appended,
  },
  {
    name: 'captureAll',
    run: (cell, { lading }) => batch(lading, cell, 2),
    refused: (met) => (hasRoom(met, 2) ? null : 'too_many'),
    ids: appended,
  },
  {
    name: 'captureAll, one too many',
    run: (cell, { lading }) =>
      batch(lading, cell, cell.feature.maxCount - lading.list(cell.owner).length + 1),
    refused: () => 'too_many',
    isFor: ({ maxCount }) => Number.isFinite(maxCount),
  },
  {
    name: 'capture, too large',
    run: (cell, { lading }) =>
      none(lading.capture(tooLarge(cell.feature.kind), { ...wanted(cell) })),
    refused: () => 'file_too_large',
  },
  {
    name: 'capture, a wrong kind',
    run: (cell, { lading }) =>
      none(
        lading.capture(smallFile(cell.feature.wrongKind, 'wrong'), {
          owner: cell.owner,
          kind: cell.feature.wrongKind,
        }),
      ),
    refused: () => 'wrong_kind',
  },
  {
    name: 'draft + link',
    leavesMore: true,
    async run(cell, { lading }) {
      const id = await capture(lading, cell, { draft: true });
      cell.made.set(id, cell.feature.kind);
      await lading.link(id, cell.owner);
      return [id];
    },
    refused: unlessRoom,
    ids: appended,
  },
  {
    name: 'link',
    run: (cell, { lading }) => none(lading.link(cell.subject, cell.owner)),
    refused: (met) =>
      isGone(met) ? 'already_gone' : isLinked(met) || hasRoom(met) ? null : 'too_many',
    ids: (met) => (isLinked(met) ? met.list.ids : [...met.list.ids, met.cell.subject]),
  },
  {
    name: 'link to a second owner',
    run: (cell, { lading }) =>
      none(lading.link(cell.subject, secondOwner(cell.feature, cell.owner))),
    refused: (met) => (isGone(met) ? 'already_gone' : null),
  },
  {
    name: 'remove',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.remove(cell.subject, cell.owner)),
    refused: unlessLinked,
    ids: without,
  },
  {
    name: 'remove + undo',
    needsNeighbours: true,
    async run(cell, { lading }) {
      await lading.undo(await lading.remove(cell.subject, cell.owner));
      return [];
    },
    refused: unlessLinked,
  },
  {
    name: 'undo of an earlier removal',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.undo(cell.token ?? tokenOf(cell))),
    refused: (met) => (isLinked(met) || met.isUndoable ? null : 'undo_expired'),
    ids: (met) => (isLinked(met) ? met.list.ids : (met.cell.beforeRemoval?.ids ?? [])),
    primary: (met) =>
      isLinked(met) ? met.list.primary : (met.cell.beforeRemoval?.primary ?? null),
  },
  {
    name: 'replace',
    needsNeighbours: true,
    run: (cell, { lading }) => replace(lading, cell).then(({ id }) => [id]),
    refused: unlessLinked,
    ids: ({ cell, list }, [by = '']) => list.ids.map((id) => (id === cell.subject ? by : id)),
  },
  {
    name: 'replace + undo',
    needsNeighbours: true,
    async run(cell, { lading }) {
      const { id, undo } = await replace(lading, cell);
      await lading.undo(undo);
      return [id];
    },
    refused: unlessLinked,
  },
  {
    name: 'move',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.move(cell.subject, cell.owner, 99)),
    refused: inList,
    ids: (met) => [...without(met), met.cell.subject],
  },
  {
    name: 'setPrimary',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.setPrimary(cell.subject, cell.owner)),
    refused: (met) => inList(met) ?? (met.cell.feature.kind === 'image' ? null : 'wrong_kind'),
    primary: ({ cell }) => cell.subject,
  },
  {
    name: 'cancel',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.cancel(cell.subject)),
    ids: without,
  },
  {
    name: 'ownerDeleted',
    needsNeighbours: true,
    run: (cell, { lading }) => none(lading.ownerDeleted(cell.owner)),
    ids: () => [],
  },
  {
    name: 'ownerDeleted, the whole entity, + undo',
    needsNeighbours: true,
    async run({ owner }, { lading }) {
      const { field: _field, ...entity } = owner;
      await lading.undo(await lading.ownerDeleted(entity));
      return [];
    },
  },
  { name: 'retry', run: (cell, { lading }) => none(lading.retry(cell.subject)) },
  {
    name: 'pause',
    run: (cell, { lading }) => none(lading.pause(cell.subject)),
    holds: true,
    remembers: ({ held }) => held,
  },
  {
    name: 'pause + resume',
    run: async (cell, { lading }) => {
      await lading.pause(cell.subject);
      return none(lading.resume(cell.subject));
    },
    remembers: ({ held }) => !held,
  },
  {
    name: 'pin',
    run: (cell, { lading }) => none(lading.pin(cell.subject)),
    remembers: ({ pinned }) => pinned,
  },
  {
    name: 'pin + unpin',
    run: async (cell, { lading }) => {
      await lading.pin(cell.subject);
      return none(lading.pin(cell.subject, false));
    },
    remembers: ({ pinned }) => !pinned,
  },
  {
    name: 'resolve',
    run: ({ subject }, { lading, world }) => {
      // What is on its way here does not come while services hang: asked for, and let go.
      const patience = new AbortController();
      world.clock.schedule(5, () => patience.abort(STILL_ON_ITS_WAY));
      return none(lading.resolve(subject, { signal: patience.signal }));
    },
    refused({ localCopy, hasUrl, reference }) {
      if (localCopy === 'present' || localCopy === 'inUse') return null;
      if (reference === 'gone') return 'already_gone';
      return hasUrl ? STILL_ON_ITS_WAY.message : 'bytes_missing';
    },
  },
  { name: 'verify', run: async () => [], asks: true },
  { name: 'close + reopen', run: async () => [], asks: true },
];

const STILL_ON_ITS_WAY = new Error('still on its way');

async function replace(
  lading: Lading,
  cell: Cell,
): Promise<{ readonly id: string; readonly undo: UndoToken }> {
  const { feature, owner, subject } = cell;
  const source = smallFile(feature.kind, `${subject} in a better light`);
  const replaced = await lading.replace(subject, source, owner, { kind: feature.kind });
  cell.made.set(replaced.attachment.id, feature.kind);
  return { id: replaced.attachment.id, undo: replaced.undo };
}

function tooLarge(kind: AttachmentKind) {
  const sizeBytes = 10 * 1024 * 1024 + 1;
  return { ...bytesSource(new Uint8Array(1)), ...smallFile(kind, 'large'), sizeBytes };
}

function wanted({ owner, feature }: Cell) {
  return { owner, kind: feature.kind };
}

/** As a button has it that outlived its time. */
function tokenOf({ subject, owner }: Cell): UndoToken {
  return JSON.stringify({ removed: [{ mediaId: subject, owner }] }) as UndoToken;
}
