import { createHash } from 'node:crypto';
import type { Lading, Owner } from 'lading';
import type { Json } from 'lading/host';
import { ATTACHMENT } from '../../engine/lifecycle/hosted.ts';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { ServiceName } from '../../machines/attachment/events.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import { objectKey } from '../../ports/remote.ts';
import { type EventCase, inputs, logoOwner, receiptOwner } from './cases.ts';
import { passTime, quiet } from './engine.ts';
import { type Feature, insertRow, ownerIn, secondOwner } from './feature-list.ts';
import { leavesOf, type MachineState } from './feature-states.ts';
import type { Cell, Driving, Met, Operation, Shown } from './feature-types.ts';
import { ACCOUNT, asStreamId } from './feature-world.ts';
import type { MachinePath } from './paths.ts';
import { smallFile } from './small-files.ts';

export function shown(lading: Lading, owner: Owner): Shown {
  const refs = lading.list(owner).map(({ ref }) => ref);
  const primaries = refs.filter((ref) => ref.isPrimary === true).map(({ mediaId }) => mediaId);
  return { ids: refs.map(({ mediaId }) => mediaId), primary: primaries[0] ?? null };
}

export function urlOf(id: string): string {
  return `https://objects.example/${objectKey(ACCOUNT, id)}`;
}

/** Told of the beginning of a way (null), and of each event of it, once it has happened to all cells. */
export type Between = (event: EventCase | null, cells: readonly Cell[]) => Promise<void>;

/**
 * Makes the cells of one state, and brings each of their attachments into it, all of them in step. Operations that are
 * refused in this state change nothing: those of one feature share an attachment.
 */
export async function makeCells(
  driving: Driving,
  state: MachineState,
  pairs: readonly (readonly [Feature, Operation])[],
  between: Between = async () => {},
): Promise<readonly Cell[]> {
  const { world } = driving;
  const shared = new Map<Feature, Cell>();
  const all = pairs.map(([feature, operation], n): Cell => {
    const name = `${feature.name} × ${operation.name} × ${state.name}`;
    const own: Cell = {
      name,
      feature,
      operation,
      owner: ownerIn(feature, ACCOUNT, `entity-${n}`),
      subject: driving.lading.newMediaId(),
      state,
      bytes: new Uint8Array(),
      made: new Map(),
    };
    if (!changesNothing(own)) return own;
    const first = shared.get(feature);
    if (first !== undefined)
      return Object.assign(Object.create(first) as Cell, { name, operation });
    shared.set(feature, own);
    return own;
  });
  const cells = all.filter(isFirst);
  world.store.transaction(() => {
    for (const { feature, owner } of cells)
      insertRow(world.store, feature, owner.entityId, ACCOUNT);
  });
  const { path } = state;
  await each(driving, cells, (cell) => begin(driving, cell, path));
  await quiet(world.clock);
  await between(null, cells);
  let isLinked = false;
  for (const { event, at, value } of path.steps) {
    await take(driving, cells, event, at - inputs[path.input].capturedAt);
    const wrong = cells.find(({ subject }) => leaves(driving, subject) !== leavesOf(value));
    if (wrong !== undefined) {
      throw new Error(
        `${wrong.name}: ${event.type} led to ${leaves(driving, wrong.subject)} instead of ${leavesOf(value)}`,
      );
    }
    if (!isLinked && event.type.startsWith('ref.')) {
      isLinked = true;
      await addNeighbours(driving, cells);
    }
    await between(event, cells);
  }
  if (!isLinked) await addNeighbours(driving, cells);
  return all;
}

/** Of the cells that share an attachment, the one that made it. */
export function isFirst(cell: Cell): boolean {
  return Object.hasOwn(cell, 'subject');
}

/** As the table says of the state at the end of the way. */
function changesNothing(cell: Cell): boolean {
  const { operation } = cell;
  if (operation.needsOwn === true) return false;
  if (operation.needsNeighbours === true && cell.feature.neighbours.length > 0) {
    // Alone it may be refused where it is not beside others.
    return (operation.refused?.(metAt(cell)) ?? null) !== null;
  }
  if (operation.asks === true) return true;
  return (operation.refused?.(metAt(cell)) ?? null) !== null && operation.leavesMore !== true;
}

/** What an operation meets, as far as the way there tells. */
function metAt(cell: Cell): Met {
  const { state, subject } = cell;
  const context = state.path.steps.at(-1)?.context;
  const [reference = '', , localCopy = ''] = state.name.split(' / ');
  return {
    cell,
    list: { ids: reference === 'linked' ? [subject] : [], primary: null },
    reference,
    localCopy,
    hasUrl: (context?.url ?? inputs[state.path.input].url) !== null,
    isUndoable: (context?.undoable.length ?? 0) > 0 && context?.gone === false,
  };
}

function leaves({ host }: Driving, id: string): string {
  return leavesOf(host.state(asStreamId(id))?.value as Json);
}

export function contextIn({ host }: Driving, id: string): AttachmentContext {
  return host.state(asStreamId(id))?.context as unknown as AttachmentContext;
}

/** Runs one deed for each cell; they share commits. */
async function each(
  { world }: Driving,
  cells: readonly Cell[],
  deed: (cell: Cell) => Promise<unknown>,
): Promise<void> {
  await world.until(Promise.all(cells.map(deed)));
}

async function begin(driving: Driving, cell: Cell, path: MachinePath): Promise<void> {
  const { world, lading, host } = driving;
  const { feature, owner, subject } = cell;
  const source = smallFile(feature.kind, subject);
  const input = inputs[path.input];
  if (input.origin === 'here') {
    const draft = { owner, kind: feature.kind, id: subject, draft: true };
    await lading.capture(source, draft);
  } else {
    // What sync does with a ref of another device.
    cell.bytes = await bytesOf(source.open(new AbortController().signal));
    await host.create(asStreamId(subject), ATTACHMENT, {
      ...input,
      mediaId: subject,
      accountId: ACCOUNT,
      media: {
        kind: feature.kind,
        contentType: source.contentType ?? 'application/octet-stream',
        filename: null,
        byteSize: cell.bytes.byteLength,
        sha256: createHash('sha256').update(cell.bytes).digest('hex'),
      },
      url: input.url === null ? null : urlOf(subject),
      capturedAt: world.clock.now(),
    } as never);
    if (input.url !== null) putObject(driving, cell);
  }
  const { blobKey } = contextIn(driving, subject);
  if (blobKey !== null) cell.bytes = await bytesOf(world.blobs.open(blobKey as BlobKey));
  cell.made.set(subject, feature.kind);
}

async function addNeighbours(driving: Driving, cells: readonly Cell[]): Promise<void> {
  const { lading } = driving;
  await each(driving, cells, async (cell) => {
    if (cell.operation.needsNeighbours !== true) return;
    const files = cell.feature.neighbours.map((kind) => ({
      source: smallFile(kind, `${cell.subject} ${kind}`),
      kind,
    }));
    if (files.length === 0) return;
    const made = await lading.captureAll(files, { owner: cell.owner });
    for (const [n, { id }] of made.entries()) cell.made.set(id, files[n]?.kind ?? 'image');
  });
}

/** Makes one step of the way happen to every cell. */
async function take(
  driving: Driving,
  cells: readonly Cell[],
  event: EventCase,
  elapsedMs: number,
): Promise<void> {
  const { clock } = driving.world;
  await passTime(clock, Math.max(clock.elapsedMs, elapsedMs));
  if (event.type.startsWith('xstate.after.')) return; // it fired by itself
  await each(driving, cells, async (cell) => {
    const answered = /^xstate\.(?:done|error)\.actor\.(.+)$/.exec(event.type)?.[1];
    if (answered === undefined) await tell(driving, cell, event);
    else await answer(driving, cell, answered as ServiceName, event);
  });
  await quiet(clock);
}

/** The ways have two owners: of a cell they are its own one, which holds it at the end if any does, and another entity. */
export function ownerOf(cell: Cell, { field }: Owner): Owner {
  const fields = cell.state.path.steps.at(-1)?.context.refs.map(({ owner }) => owner.field) ?? [];
  const isOther = fields.length > 0 && !fields.includes(receiptOwner.field);
  const own = isOther ? logoOwner.field : receiptOwner.field;
  return field === own ? cell.owner : secondOwner(cell.feature, cell.owner);
}

/** A verb where the app has one; else the event, as the engine's own parts send it. */
async function tell(driving: Driving, cell: Cell, event: EventCase): Promise<unknown> {
  const { lading, host, world } = driving;
  const { subject } = cell;
  const owner = 'owner' in event ? ownerOf(cell, event.owner) : cell.owner;
  switch (event.type) {
    case 'ref.linked':
      return lading.link(subject, owner);
    case 'ref.unlinked':
      cell.beforeRemoval = shown(lading, owner);
      cell.token = await lading.remove(subject, owner);
      return undefined;
    case 'ref.undone':
      return cell.token && lading.undo(cell.token);
    case 'cancelled':
      return lading.cancel(subject);
    case 'retry.requested':
      return lading.retry(subject);
    case 'held':
      return lading.pause(subject);
    case 'resumed':
      return lading.resume(subject);
    case 'pinned':
    case 'unpinned':
      return lading.pin(subject, event.type === 'pinned');
    default:
  }
  const { blobKey } = contextIn(driving, subject);
  if (event.type === 'bytes.missing') world.blobs.lose(blobKey as BlobKey);
  if (event.type === 'bytes.found') world.blobs.spoil(blobKey as BlobKey, cell.bytes);
  if (event.type === 'remote.missing') world.remote.objects.delete(objectKey(ACCOUNT, subject));
  if (event.type === 'remote.located') putObject(driving, cell);
  const of = 'owner' in event ? { owner: { ...owner } } : {};
  const revision = 'url' in event ? new URL(event.url).search : '';
  const at = 'url' in event ? { url: urlOf(subject) + revision } : {};
  const sent: { readonly handle?: string } =
    'handle' in event ? { handle: `upload:${objectKey(ACCOUNT, subject)}` } : {};
  if (sent.handle !== undefined) unfinishedIn(driving).set(sent.handle, cell.bytes.slice(0, 1));
  return host.send(asStreamId(subject), { ...event, ...of, ...at, ...sent } as never);
}

/** What a service found, and what it did to the world before it said so. */
async function answer(
  driving: Driving,
  cell: Cell,
  service: ServiceName,
  event: EventCase,
): Promise<void> {
  const { world } = driving;
  const { subject } = cell;
  const call = world.call(subject, service);
  if (call === undefined) throw new Error(`${cell.name}: ${service} does not run`);
  const { blobKey } = contextIn(driving, subject);
  if (!('output' in event)) return call.reject(new TypeError('a bug'));
  const output = event.output as Readonly<Record<string, Json>>;
  if (output['ok'] !== true) {
    if (service === 'download' && output['class'] === 'absent') {
      world.remote.objects.delete(objectKey(ACCOUNT, subject));
    }
    return call.resolve(output);
  }
  switch (service) {
    case 'upload': {
      putObject(driving, cell);
      const receipt = output['receipt'] as Readonly<Record<string, Json>>;
      const url = receipt['url'] === null ? null : urlOf(subject);
      return call.resolve({ ...output, receipt: { ...receipt, url } });
    }
    case 'attach':
      return call.resolve({ ...output, url: urlOf(subject) });
    case 'download': {
      const key = `blobs/${subject}` as BlobKey;
      world.blobs.spoil(key, cell.bytes);
      return call.resolve({ ...output, blobKey: key });
    }
    case 'evict':
    case 'purge':
      if (blobKey !== null) await world.blobs.remove(blobKey as BlobKey);
      return call.resolve(output);
    case 'removeRemote':
      world.remote.objects.delete(objectKey(ACCOUNT, subject));
      return call.resolve(output);
  }
}

/** The object as its author's upload leaves it. */
export function putObject(driving: Driving, { subject, bytes }: Cell): void {
  const key = objectKey(ACCOUNT, subject);
  driving.world.remote.objects.set(key, { bytes, media: null });
  unfinishedIn(driving).delete(`upload:${key}`);
}

function unfinishedIn({ world }: Driving): Map<string, Uint8Array> {
  return world.remote.unfinished;
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}
