import { LadingError, ownerKey } from 'lading';
import { factsOf } from '../../machines/attachment/facts.ts';
import { type Gates, openGates, viewOf } from '../../machines/attachment/view.ts';
import type { BackendOp } from '../../ports/backend.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import { objectKey } from '../../ports/remote.ts';
import { contextIn, shown, urlOf } from './feature-cells.ts';
import { columnOf, secondOwner } from './feature-list.ts';
import type { Cell, Driving, Met } from './feature-types.ts';
import { ACCOUNT, asStreamId, type FeatureWorld } from './feature-world.ts';

/** What an operation came to: the ids that it made, or the code that it was refused with. */
export interface Came {
  readonly made: readonly string[];
  readonly refused: string | null;
}

export async function runOperation(cell: Cell, driving: Driving): Promise<Came> {
  try {
    const made = await cell.operation.run(cell, driving);
    for (const id of made) if (!cell.made.has(id)) cell.made.set(id, cell.feature.kind);
    return { made, refused: null };
  } catch (error) {
    const isTyped = error instanceof LadingError;
    return { made: [], refused: isTyped ? error.code : (error as Error).message };
  }
}

/** What an operation did otherwise than its table says; none when all is well. */
export function wrongOutcome(met: Met, came: Came, driving: Driving): readonly string[] {
  const { cell } = met;
  const { operation, owner } = cell;
  const expected = operation.refused?.(met) ?? null;
  if (came.refused !== expected) {
    return [`${words(expected)} was expected, but it was: ${words(came.refused)}`];
  }
  const now = shown(driving.lading, owner);
  const done = expected === null;
  const ids = done ? (operation.ids?.(met, came.made) ?? met.list.ids) : met.list.ids;
  const primary = done ? primaryOf(met, came, ids) : met.list.primary;
  return [
    ...different('the list', ids, now.ids),
    ...different('the primary one', primary, now.primary),
    ...(operation.remembers?.(contextIn(driving, cell.subject)) === false &&
    met.reference !== 'gone'
      ? ['nothing remembers that it was done']
      : []),
  ];
}

/** By the rules of a list: it stays while it is there; its substitute, or the first image, takes its place. */
function primaryOf(met: Met, came: Came, ids: readonly string[]): string | null {
  const { cell, list } = met;
  if (cell.operation.primary !== undefined) return cell.operation.primary(met);
  if (list.primary !== null && ids.includes(list.primary)) return list.primary;
  if (cell.feature.single) return null;
  const isImage = (id: string): boolean => cell.made.get(id) === 'image';
  const [substitute = ''] = came.made;
  if (list.primary !== null && isImage(substitute) && cell.operation.name === 'replace') {
    return substitute;
  }
  const isNew = (id: string): boolean => !list.ids.includes(id);
  const candidates = list.primary === null ? ids.filter(isNew) : ids;
  return candidates.find(isImage) ?? null;
}

/** What must hold of a cell at any moment, whatever was done to it. */
export function brokenRules(cell: Cell, driving: Driving, gates: Gates): readonly string[] {
  const { world, lading, host } = driving;
  const { feature, owner } = cell;
  const refs = lading.list(owner).map(({ ref }) => ref);
  const second = secondOwner(feature, owner);
  const seconds = lading.list(second).map(({ ref }) => ref);
  const primaries = refs.filter(({ isPrimary }) => isPrimary === true);
  const column = columnOf(world.store, feature, owner.entityId);
  return [
    ...different("the app's column", plain(feature.holds(refs)), plain(column)),
    ...(seconds.length > 0 || isSecond(cell)
      ? different("the second owner's column", plain(seconds), plain(secondColumn(world, cell)))
      : []),
    ...(primaries.length > 1 ? [`${primaries.length} are primary`] : []),
    ...(feature.single && primaries.length > 0 ? ['a single field has a primary one'] : []),
    ...(primaries.some(({ kind }) => kind !== 'image') ? ['what is primary is no image'] : []),
    ...(refs.length > feature.maxCount ? [`${refs.length} refs of ${feature.maxCount}`] : []),
    ...[...cell.made.keys()].flatMap((id) => {
      const state = host.state(asStreamId(id));
      if (state === undefined) return [`${id} has no stream`];
      const expected = viewOf(factsOf(state.value, state.context), gates);
      const { progress: _progress, ...view } = lading.view(id);
      return different(`the view of ${nameOf(cell, id)}`, expected, view);
    }),
  ];
}

export const isSecond = ({ operation }: Cell): boolean =>
  operation.name === 'link to a second owner';

function secondColumn(world: FeatureWorld, { feature, owner }: Cell): unknown {
  const second = secondOwner(feature, owner);
  const [table, column] =
    feature.kind === 'pdf' ? ['transaction_', 'receiptImages'] : ['item', 'images'];
  const row = world.store.get(
    `SELECT ${column} AS held FROM ${table} WHERE id = ?`,
    second.entityId,
  );
  return typeof row?.['held'] === 'string' ? JSON.parse(row['held']) : [];
}

/** What must hold of a cell once nothing is left to do: bytes and objects are those that refs hold, no more, no less. */
export async function brokenEnd(cell: Cell, driving: Driving): Promise<readonly string[]> {
  const { world, lading } = driving;
  const held = new Map(
    [cell.owner, secondOwner(cell.feature, cell.owner)].flatMap((owner) =>
      lading.list(owner).map(({ ref, view }) => [ref.mediaId as string, { ref, view }] as const),
    ),
  );
  const problems: string[] = [];
  for (const id of cell.made.keys()) {
    const name = nameOf(cell, id);
    const context = contextIn(driving, id);
    const object = world.remote.objects.get(objectKey(ACCOUNT, id));
    const blob = await storedBytes(world, context.blobKey);
    const shows = held.get(id);
    if (shows === undefined) {
      if (!context.gone) problems.push(`${name} is held by nothing, and not gone`);
      if (blob !== null) problems.push(`${name} is gone, and its bytes are here`);
      // One that was attached is the backend's to delete (contract 5.2).
      if (object !== undefined && !context.attached) problems.push(`${name} left an object`);
      continue;
    }
    const { ref, view } = shows;
    if (view.state === 'uploaded') {
      if (object === undefined) problems.push(`${name} shows uploaded, and there is no object`);
      problems.push(...different(`the url of ${name}`, urlOf(id), ref.url));
      if (id === cell.subject && object !== undefined && !cell.bytes.length) {
        problems.push(`${name} has an object without bytes`);
      }
    } else if (!isExplained(cell, id, context, view.state)) {
      problems.push(`${name} is held, and shows ${view.state}, waiting for ${view.waitingFor}`);
    }
    if (context.bytes !== (blob !== null)) {
      problems.push(`${name} ${context.bytes ? 'should have' : 'should not have'} bytes here`);
    }
    if ((world.remote.completions.get(objectKey(ACCOUNT, id)) ?? 0) > 1) {
      problems.push(`${name} was uploaded more than once`);
    }
  }
  return problems;
}

/** Not uploaded at the end, for a reason that the contract knows. */
function isExplained(
  { operation, subject }: Cell,
  id: string,
  context: ReturnType<typeof contextIn>,
  state: string,
): boolean {
  if (id === subject && operation.holds === true && state === 'local_only') return true;
  if (context.origin === 'elsewhere' && !context.attached) return state === 'local_only';
  // Lost before it was uploaded, or everywhere; or the remote refuses it, and nobody asked again.
  return state === 'failed' && (!context.bytes || context.fault?.retryable === false);
}

async function storedBytes(world: FeatureWorld, key: string | null): Promise<number | null> {
  if (key === null) return null;
  return (await world.blobs.stat(key as BlobKey))?.sizeBytes ?? null;
}

/** What the whole device must be like at the end. */
export async function brokenTotals({ world, lading }: Driving): Promise<readonly string[]> {
  let bytes = 0;
  for await (const { sizeBytes } of world.blobs.list()) bytes += sizeBytes;
  const { usedBytes, files } = lading.storage();
  return [
    ...different('the usage', bytes, usedBytes),
    ...different('the number of files', world.blobs.keys.length, files),
    ...different('what the engine reported', [], world.errors),
  ];
}

/** The outbox told the backend of every ref, and of each that went, in an order that ends with what is here. */
export function wrongOutbox(
  { world, lading }: Driving,
  cells: readonly Cell[],
): ReadonlyMap<Cell, string> {
  const told = new Map<string, unknown>();
  const ops = world.store.all('SELECT op FROM lading_outbox ORDER BY seq');
  for (const row of ops) {
    const op = JSON.parse(String(row['op'])) as BackendOp;
    const id = op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
    told.set(`${ownerKey(op.owner)} ${id}`, op.type === 'ref.put' ? plain(op.ref) : null);
  }
  const wrong = new Map<Cell, string>();
  for (const cell of cells) {
    const refs = new Map<string, unknown>(
      lading.list(cell.owner).map(({ ref }) => [ref.mediaId as string, plain(ref)]),
    );
    for (const id of cell.made.keys()) {
      const last = told.get(`${ownerKey(cell.owner)} ${id}`);
      const here = refs.get(id) ?? null;
      if (id === cell.subject && isLocated(cell)) dropUrls(here, last);
      // Another device's: the backend knew it before.
      if (last === undefined && cell.state.path.input.startsWith('synced')) continue;
      const [problem] = different(
        `what the backend is told of ${nameOf(cell, id)}`,
        here,
        last ?? null,
      );
      if (problem !== undefined) wrong.set(cell, problem);
    }
  }
  return wrong;
}

/** The backend itself said where it is: it is not told so again. */
function isLocated({ state }: Cell): boolean {
  return state.path.steps.some(({ event }) => event.type === 'remote.located');
}

function dropUrls(...refs: readonly unknown[]): void {
  for (const ref of refs) delete (ref as { url?: string } | null | undefined)?.url;
}

export const PAUSED: Gates = { ...openGates, paused: true };

function nameOf(cell: Cell, id: string): string {
  return id === cell.subject ? 'the attachment' : 'what was added';
}

function words(code: string | null): string {
  return code === null ? 'success' : `"${code}"`;
}

function plain(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

function different(what: string, expected: unknown, real: unknown): readonly string[] {
  const [wanted, got] = [canonical(expected), canonical(real)];
  return wanted === got ? [] : [`${what} should be ${wanted}, and is ${got}`];
}

/** As text, with keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
