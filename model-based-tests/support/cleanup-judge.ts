import { ownerKey } from 'lading';
import { objectKey } from '../../ports/remote.ts';
import type { CleanupWorld } from './cleanup-world.ts';
import { columnOf, secondOwner } from './feature-list.ts';
import type { Cell } from './feature-types.ts';
import { ACCOUNT } from './feature-world.ts';

/** One ref as rows hold it: `mediaId rank`, and `primary`. */
export type RefRows = readonly string[];

/** What the rows of an owner say, in the list's order. */
function refRows({ store }: CleanupWorld, key: string): RefRows {
  return store
    .all(
      'SELECT media_id, rank, is_primary FROM lading_ref WHERE owner_key = ? ORDER BY rank, media_id',
      key,
    )
    .map((row) => refRow(row['media_id'], row['rank'], row['is_primary'] === 1));
}

function backendRows({ backend }: CleanupWorld, key: string): RefRows {
  return backend
    .rows(ACCOUNT)
    .filter((row) => row.deletedAt === null && ownerKey(row.owner) === key)
    .toSorted((a, b) => (`${a.rank} ${a.ref.mediaId}` < `${b.rank} ${b.ref.mediaId}` ? -1 : 1))
    .map((row) => refRow(row.ref.mediaId, row.rank, row.ref.isPrimary === true));
}

const refRow = (id: unknown, rank: unknown, isPrimary: boolean): string =>
  [id, rank, ...(isPrimary ? ['primary'] : [])].join(' ');

/** Both owners of a cell, as they must be at the end. */
export type Expected = ReadonlyMap<string, RefRows>;

export function expectedOf(world: CleanupWorld, cell: Cell): Expected {
  const keys = [cell.owner, secondOwner(cell.feature, cell.owner)].map(ownerKey);
  return new Map(keys.map((key) => [key, refRows(world, key)]));
}

/** What is wrong with one cell once nothing is left to do: judged from rows, files, objects and the backend alone. */
export function brokenCell(world: CleanupWorld, cell: Cell, expected: Expected): readonly string[] {
  const { store, blobs, remote } = world;
  const problems: string[] = [];
  for (const [key, rows] of expected) {
    differ('the refs', rows, refRows(world, key));
    differ("the backend's refs", rows, backendRows(world, key));
  }
  const [first = []] = expected.values();
  differ(
    "the app's column",
    first.map(idOf),
    idsIn(columnOf(store, cell.feature, cell.owner.entityId)),
  );

  for (const id of cell.made.keys()) {
    const name = id === cell.subject ? 'the attachment' : 'what was added';
    const isHeld = [...expected.values()].some((rows) => rows.some((row) => idOf(row) === id));
    const media = store.get('SELECT * FROM lading_media WHERE media_id = ?', id);
    const facts = JSON.parse(String(media?.['facts'] ?? '{}')) as Facts;
    const key = objectKey(ACCOUNT, id);
    const has = (what: string, isThere: boolean): void => {
      if (isThere && !isHeld) problems.push(`${name} is held by nothing, and there is ${what}`);
    };
    has('an object', remote.objects.has(key));
    has('an unfinished upload', remote.unfinished.has(`upload:${key}`));
    has('a file', media?.['has_bytes'] === 1 || blobs.keys.some((one) => one.includes(id)));
    has('a task', count(world, 'lading_task WHERE stream = ?', id) > 0);
    has('a job', count(world, 'lading_job WHERE media_id = ?', id) > 0);
    has('a checkpoint', count(world, 'lading_checkpoint WHERE stream = ?', id) > 0);
    if (!isHeld && facts.situation !== 'purged') {
      problems.push(`${name} is held by nothing, and ${facts.situation}`);
    }
    const isThere = remote.objects.has(key);
    if (isHeld && facts.situation === 'uploaded' && !isThere && !isLost(cell)) {
      problems.push(`${name} shows uploaded, and there is no object`);
    }
    if (isHeld && !isThere && facts.situation !== 'uploaded' && !isExplained(cell, id, facts)) {
      problems.push(`${name} is held, and ${facts.situation} (${facts.error?.code})`);
    }
    if ((remote.completions.get(key) ?? 0) > 1) problems.push(`${name} was uploaded twice`);
  }
  return problems;

  function differ(what: string, wanted: readonly string[], got: readonly string[]): void {
    if (wanted.join() === got.join()) return;
    problems.push(`${what} should be [${wanted.join(', ')}], and are [${got.join(', ')}]`);
  }
}

/** Files that no attachment holds. */
export async function strayFiles(world: CleanupWorld): Promise<readonly string[]> {
  const held = heldFiles(world);
  const problems: string[] = [];
  for await (const { key, temporary } of world.blobs.list()) {
    if (temporary || !held.has(key)) problems.push(`the file ${key} is nobody's`);
  }
  return problems;
}

function heldFiles({ store }: CleanupWorld): ReadonlySet<string> {
  const rows = store.all('SELECT DISTINCT blob_key FROM lading_media WHERE has_bytes = 1');
  return new Set(rows.map((row) => String(row['blob_key'])));
}

/** What must hold of the whole device: nothing is left of anything. */
export async function brokenDevice(
  world: CleanupWorld,
  { name }: Cell['state'],
): Promise<readonly string[]> {
  const { store, blobs, remote } = world;
  const problems = [...(await strayFiles(world))];
  const held = heldFiles(world);
  let bytes = 0;
  for await (const { sizeBytes } of blobs.list()) bytes += sizeBytes;
  if (held.size !== blobs.keys.length) problems.push(`${held.size} files, on the disk ${bytes}`);
  const usage = store.get('SELECT bytes, blobs FROM lading_usage');
  if (Number(usage?.['bytes'] ?? 0) !== bytes || Number(usage?.['blobs'] ?? 0) !== held.size) {
    problems.push(`the usage is ${JSON.stringify(usage)}, and there are ${bytes} bytes`);
  }
  for (const table of ['lading_task', 'lading_outbox', 'lading_hold']) {
    const rows = store.all(`SELECT * FROM ${table} LIMIT 1`);
    if (rows.length > 0) problems.push(`${table} holds ${JSON.stringify(rows[0])}`);
  }
  const live = new Set(
    world.backend
      .rows(ACCOUNT)
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ ref }) => objectKey(ACCOUNT, ref.mediaId)),
  );
  for (const key of remote.objects.keys()) {
    if (!live.has(key)) problems.push(`the object ${key} is nobody's`);
  }
  for (const handle of remote.unfinished.keys()) problems.push(`${handle} is unfinished`);
  // Ways have services that throw; and a draft with a locator, which no app can make, looks as if its ref were lost.
  const isDraft = name.startsWith('draft / ');
  const errors = world.errors.filter(
    (message) =>
      !message.startsWith('a service threw') &&
      !(isDraft && message.startsWith('garbage could not be collected')),
  );
  if (errors.length > 0) problems.push(`the engine reported: ${errors.join('; ')}`);
  return problems;
}

interface Facts {
  readonly situation?: string;
  readonly error?: { readonly code?: string; readonly retryable?: boolean } | null;
}

/** The way here has it that the remote lost the object. */
function isLost({ state }: Cell): boolean {
  return state.path.steps.some(({ event }) => event.type === 'remote.missing');
}

/** Held, and with good reason not uploaded: its bytes were lost before, the remote refuses it, or it is another's. */
function isExplained(cell: Cell, id: string, { situation, error }: Facts): boolean {
  if (id !== cell.subject) return false;
  if (situation === 'awaitingAuthor') return true;
  if (situation === 'queued') return cell.state.path.steps.at(-1)?.context.held === true;
  return situation === 'failed' && (error?.retryable === false || isLost(cell));
}

function count({ store }: CleanupWorld, from: string, id: string): number {
  return Number(store.get(`SELECT count(*) AS n FROM ${from}`, id)?.['n']);
}

function idOf(row: string): string {
  return row.slice(0, row.indexOf(' '));
}

function idsIn(column: unknown): readonly string[] {
  const refs = column === null ? [] : [column].flat();
  return refs.map((ref) => (ref as { readonly mediaId: string }).mediaId);
}
