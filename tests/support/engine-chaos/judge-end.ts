import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tusUploadId } from '../../../adapters/remotes/tus-ids.ts';
import { objectKey } from '../../../ports/remote.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { ReferenceBackend } from '../../../sync/reference-backend.ts';
import type { DriverName } from '../drivers.ts';
import { tasksLeft } from './child-options.ts';
import { openDatabase } from './database.ts';
import { type Expected, expectedAfter, type Told } from './expected.ts';
import { bytesOf, type Step, sha256 } from './plan.ts';
import type { ChaosServer } from './server.ts';

export interface EndCase {
  readonly directory: string;
  readonly driver: DriverName;
  readonly account: string;
  readonly plan: readonly Step[];
  readonly committed: ReadonlySet<number>;
  readonly told: Told;
  readonly server: ChaosServer;
  readonly backend: ReferenceBackend;
  /** Lives that were ended before their time, and when the last one began. */
  readonly kills: number;
  readonly lastLifeAt: number;
}

export interface EndFinding {
  readonly problems: readonly string[];
  /** Files of captures that no commit knows of; garbage collection will clear them (contract 5.4). */
  readonly leftovers: { readonly temporary: number; readonly blobs: number };
}

/** Captures that one kill can cut off. */
const CAPTURES_AT_ONCE = 3;
/** What a run may have handed over that its successor sends again: buffers of the client, and of the two sockets. */
const IN_FLIGHT_BYTES = 1_500_000;

/** After the last life, which came to its own end: everything is done, everywhere, and nothing is left. */
export async function judgeEnd(kase: EndCase): Promise<EndFinding> {
  const { plan, committed, directory, driver } = kase;
  const problems: string[] = [];
  const expected = expectedAfter(plan, committed);
  for (const { n, verb } of plan) {
    if (!committed.has(n)) problems.push(`step ${n}, ${verb}, was never done`);
  }
  const database = await openDatabase(driver, join(directory, 'app.db'));
  try {
    judgeDatabase(database, expected, problems);
    judgeBackend(database, kase, expected, problems);
    await deleteUnreferenced(kase, problems);
    await judgeServer(database, kase, expected, problems);
    judgeTraffic(kase, expected, problems);
    return { problems, leftovers: await judgeLeftovers(database, kase, problems) };
  } finally {
    database.close();
  }
}

function judgeDatabase(
  database: SqlDatabase,
  expected: ReadonlyMap<string, Expected>,
  problems: string[],
): void {
  const left = [...tasksLeft(database), ...database.all('SELECT * FROM lading_outbox')];
  if (left.length > 0) problems.push(`left to do: ${JSON.stringify(left)}`);
  const media = new Map(
    database
      .all(`SELECT media_id, url, has_bytes, facts ->> 'situation' AS situation FROM lading_media`)
      .map((row) => [String(row['media_id']), row]),
  );
  for (const { mediaId, situation, field } of expected.values()) {
    const row = media.get(mediaId);
    const wanted = situation === 'linked' ? 'uploaded' : 'purged';
    if (row?.['situation'] !== wanted) {
      problems.push(`${mediaId} is ${String(row?.['situation'])} and not ${wanted}`);
    }
    const keeps = wanted === 'uploaded' && field !== 'thumbnails';
    if (keeps !== (row?.['has_bytes'] === 1) && field !== 'thumbnails') {
      problems.push(`${mediaId}, ${wanted}, has_bytes ${String(row?.['has_bytes'])}`);
    }
  }
}

/** The backend holds one ref for each that is linked, with its remote url, and no other (contract 4.2). */
function judgeBackend(
  database: SqlDatabase,
  { backend, account }: EndCase,
  expected: ReadonlyMap<string, Expected>,
  problems: string[],
): void {
  const held = backend
    .rows(account)
    .filter(({ deletedAt }) => deletedAt === null)
    .map(({ ref, owner }) => `${ref.mediaId} ${owner.field} ${ref.url}`);
  const wanted = [...expected.values()]
    .filter(({ situation }) => situation === 'linked')
    .map(({ mediaId, field }) => `${mediaId} ${field} ${String(urlOf(database, mediaId))}`);
  const difference = [
    ...held.filter((ref) => !wanted.includes(ref)).map((ref) => `too much: ${ref}`),
    ...wanted.filter((ref) => !held.includes(ref)).map((ref) => `missing: ${ref}`),
  ];
  if (difference.length > 0) problems.push(`the backend's refs: ${difference.join('; ')}`);
}

/** An attached object whose refs are gone is the backend's to delete (contract 5.2): here it does. */
async function deleteUnreferenced({ backend, server }: EndCase, problems: string[]): Promise<void> {
  for (const key of backend.unreferenced(0)) {
    const { status } = await fetch(`${server.endpoint}/${tusUploadId(key)}`, {
      method: 'DELETE',
      headers: { 'Tus-Resumable': '1.0.0' },
    });
    if (![204, 404, 410].includes(status)) problems.push(`deleting ${key} gave ${status}`);
    backend.objectRemoved(key);
  }
}

/** One completed object for each attachment, with its bytes; nothing else, not even a half (contract 4.2, 5.2). */
async function judgeServer(
  database: SqlDatabase,
  { server, account }: EndCase,
  expected: ReadonlyMap<string, Expected>,
  problems: string[],
): Promise<void> {
  const there = new Map((await server.objects()).map((object) => [object.name, object]));
  for (const { mediaId, situation, file } of expected.values()) {
    if (situation !== 'linked') continue;
    const name = tusUploadId(objectKey(account, mediaId));
    const object = there.get(name);
    there.delete(name);
    if (object?.complete !== true) {
      problems.push(`${mediaId} has no completed object`);
      continue;
    }
    const response = await fetch(String(urlOf(database, mediaId)));
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!response.ok || sha256(bytes) !== sha256(bytesOf(file))) {
      problems.push(`${mediaId} reads back as ${response.status}, ${bytes.byteLength} bytes`);
    }
  }
  for (const { name, complete } of there.values()) {
    problems.push(`the server has ${complete ? 'an object' : 'a part'} too much: ${name}`);
  }
}

/** Resumed at the byte where it stood: a run repeats what was in flight, never what the server had (contract 4.1). */
function judgeTraffic(
  { told }: EndCase,
  expected: ReadonlyMap<string, Expected>,
  problems: string[],
): void {
  for (const [mediaId, { runs, bytes }] of told.sent) {
    const size = expected.get(mediaId)?.file.sizeBytes ?? 0;
    if (bytes > size + (runs - 1) * Math.min(size, IN_FLIGHT_BYTES)) {
      problems.push(`${mediaId}: ${bytes} bytes handed over in ${runs} runs for ${size}`);
    }
  }
}

/** Kills leave files of captures that were not committed, and nothing else does. */
async function judgeLeftovers(
  database: SqlDatabase,
  { directory, kills, lastLifeAt }: EndCase,
  problems: string[],
): Promise<EndFinding['leftovers']> {
  const known = new Set(
    database
      .all('SELECT blob_key FROM lading_media WHERE has_bytes = 1')
      .map((row) => String(row['blob_key'])),
  );
  const blobs = (await filesBelow(join(directory, 'files', 'blobs'))).filter(
    (name) => !known.delete(name),
  );
  for (const key of known) problems.push(`the blob ${key} is not there`);
  const temporary = await filesBelow(join(directory, 'files', 'tmp'));
  for (const name of [
    ...temporary.map((one) => `tmp/${one}`),
    ...blobs.map((one) => `blobs/${one}`),
  ]) {
    const { mtimeMs } = await stat(join(directory, 'files', name));
    if (mtimeMs > lastLifeAt) problems.push(`${name} was left by a life that nobody ended`);
  }
  const most = kills * CAPTURES_AT_ONCE;
  if (temporary.length + blobs.length > most) {
    problems.push(`${temporary.length} temporary files and ${blobs.length} blobs are left over`);
  }
  return { temporary: temporary.length, blobs: blobs.length };
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

function urlOf(database: SqlDatabase, mediaId: string): unknown {
  return database.get('SELECT url FROM lading_media WHERE media_id = ?', mediaId)?.['url'];
}
