import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostedAttachment } from '../../../engine/lifecycle/hosted.ts';
import { createVerify } from '../../../engine/lifecycle/verify.ts';
import { type LadingStore, openStore } from '../../../persistence/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { systemRandom } from '../../../ports/random.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { DriverName } from '../drivers.ts';
import { APP_SCHEMA, stepsDone } from './child-options.ts';
import { DATABASE_FILES, openDatabase } from './database.ts';
import { type Expected, expectedAfter, type Told } from './expected.ts';
import { bytesOf, type Step, sha256 } from './plan.ts';
import type { ServerObject } from './server.ts';

/** What is wrong, a sentence each, and which steps were committed. */
export interface Finding {
  readonly problems: readonly string[];
  readonly committed: ReadonlySet<number>;
}

interface Case {
  readonly directory: string;
  readonly database: SqlDatabase;
  readonly store: LadingStore;
  readonly expected: ReadonlyMap<string, Expected>;
  readonly problems: string[];
}

/**
 * Reads a copy of what a dead process left, before anybody mends it by opening it, and holds it against what the
 * process had told: nothing acknowledged is missing, nothing is half, all that was derived follows from the log.
 */
export async function judgeFiles(
  directory: string,
  driver: DriverName,
  plan: readonly Step[],
  told: Told,
  objects: readonly ServerObject[],
): Promise<Finding> {
  const copy = await mkdtemp(join(tmpdir(), 'lading-judge-'));
  const problems: string[] = [];
  try {
    for (const name of DATABASE_FILES) {
      await copyFile(join(directory, name), join(copy, name)).catch(unlessMissing);
    }
    const database = await openDatabase(driver, join(copy, 'app.db'));
    try {
      const integrity = database.all('PRAGMA integrity_check').map((row) => row['integrity_check']);
      if (integrity.join() !== 'ok') problems.push(`integrity: ${integrity.join('; ')}`);
      database.exec(APP_SCHEMA);
      const store = openStore(database, systemClock(), systemRandom);
      const committed = stepsDone(database);
      const expected = expectedAfter(plan, committed);
      const kase: Case = { directory, database, store, expected, problems };
      judgeAcknowledgements(told, committed, plan, problems);
      judgeStreams(kase);
      await judgeBytes(kase);
      judgeRows(kase);
      judgeClaims(kase, objects);
      await judgeDerived(kase);
      return { problems, committed };
    } finally {
      database.close();
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error; // killed before it was made
}

function judgeAcknowledgements(
  told: Told,
  committed: ReadonlySet<number>,
  plan: readonly Step[],
  problems: string[],
): void {
  for (const [n, { verb, mediaId, sha256: hash }] of told.acknowledged) {
    const step = plan[n];
    // A read changes nothing: what it promised are the bytes.
    if (step?.verb === 'read') {
      const file = plan.find((other) => other.n === step.of && 'file' in other);
      if (file === undefined || !('file' in file) || hash !== sha256(bytesOf(file.file))) {
        problems.push(`step ${n}: reading ${mediaId} gave other bytes`);
      }
    } else if (!committed.has(n)) {
      problems.push(`step ${n}: ${verb} of ${mediaId} was acknowledged and is not there`);
    }
  }
  for (const n of committed) {
    if (!told.begun.has(n)) problems.push(`step ${n} was committed and never begun`);
  }
}

/** A stream exists exactly if the app's own row of the same commit does (contract 3.2, 3.3). */
function judgeStreams({ database, expected, problems }: Case): void {
  const streams = new Set(
    database.all('SELECT stream FROM lading_stream').map((row) => String(row['stream'])),
  );
  for (const mediaId of expected.keys()) {
    if (!streams.has(mediaId)) problems.push(`${mediaId} has the app's row and no stream`);
  }
  for (const stream of streams) {
    if (!expected.has(stream)) problems.push(`${stream} has a stream and not the app's row`);
  }
}

async function judgeBytes({ directory, store, expected, problems }: Case): Promise<void> {
  for (const { mediaId, situation, file, field } of expected.values()) {
    if (situation === 'let go') continue;
    const media = store.events.read((tx) => store.tables.media(tx, mediaId as never));
    const uploaded = media?.url != null;
    if (media?.hasBytes !== true) {
      if (!(field === 'thumbnails' && uploaded)) problems.push(`${mediaId} lost its bytes`);
      continue;
    }
    const path = join(directory, 'files', 'blobs', media.blobKey ?? 'none');
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) problems.push(`${mediaId} has no blob at ${media.blobKey}`);
    else if (sha256(bytes) !== sha256(bytesOf(file))) problems.push(`${mediaId} has other bytes`);
  }
}

/** The refs are those of the committed steps, and the app's rows hold the same, in the same order. */
function judgeRows({ database, store, expected, problems }: Case): void {
  const wanted = new Map<string, string[]>();
  for (const { mediaId, owner, situation } of expected.values()) {
    const list = wanted.get(owner) ?? [];
    if (situation === 'linked') list.push(mediaId);
    wanted.set(owner, list);
  }
  for (const [owner, mediaIds] of wanted) {
    const rows = store.events.read((tx) => store.tables.refsOfOwner(tx, owner));
    const refs = rows.map(({ ref }) => ref);
    if (ids(refs) !== ids(mediaIds.map((mediaId) => ({ mediaId })))) {
      problems.push(`${owner} should hold ${mediaIds.join()} and holds ${ids(refs)}`);
    }
    const row = database.get('SELECT refs FROM app_item WHERE owner = ?', owner);
    const app = row === undefined ? '[]' : String(row['refs']);
    if (app !== JSON.stringify(refs)) {
      problems.push(`the app's row of ${owner} is ${app} and not ${JSON.stringify(refs)}`);
    }
  }
}

function ids(refs: readonly { readonly mediaId: string }[]): string {
  return refs
    .map(({ mediaId }) => mediaId)
    .toSorted()
    .join();
}

/** Whatever the server knows of was claimed by a commit first (contract 4.2). */
function judgeClaims({ database, expected, problems }: Case, objects: readonly ServerObject[]) {
  const claimed = new Set(
    database
      .all(`SELECT DISTINCT stream FROM lading_event WHERE type = 'upload.started'`)
      .map((row) => String(row['stream'])),
  );
  for (const { mediaId } of objects) {
    if (!claimed.has(mediaId)) problems.push(`${mediaId} is at the server without a claim`);
  }
  for (const { mediaId, neverLinked } of expected.values()) {
    if (neverLinked && claimed.has(mediaId)) problems.push(`${mediaId}, a draft, was uploaded`);
  }
}

/** The log replayed makes the same states, heads, snapshots, tasks and projections (contract 9.2). */
async function judgeDerived({ store, problems }: Case): Promise<void> {
  const { events, tables } = store;
  const machine = hostedAttachment({ services: {}, tables, consequences: { apply: () => {} } });
  const report = await createVerify({ events, tables, machine, clock: systemClock() })();
  for (const { stream, kind, message } of report.differences) {
    problems.push(`verify: ${stream ?? 'totals'}, ${kind}: ${message}`);
  }
}
