import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hostedAttachment } from '../../../engine/lifecycle/hosted.ts';
import { createVerify } from '../../../engine/lifecycle/verify.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { openStore } from '../../../persistence/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { systemRandom } from '../../../ports/random.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { ReferenceBackend } from '../../../sync/reference-backend.ts';
import type { FaultProxy } from '../../../testing/proxy/index.ts';
import { bytesOf } from '../engine-chaos/plan.ts';
import type { Line } from './child-options.ts';
import { carrierAt } from './helpers.ts';
import { ACCOUNT, type ChaosFile } from './plan.ts';
import type { ChaosStore } from './stores/store.ts';
import { whatIsLeft } from './what-is-left.ts';

export interface ChaosCase {
  /** Where the app's database is; all its processes are gone. */
  readonly app: string;
  readonly plan: readonly ChaosFile[];
  /** What all lives of all processes told. */
  readonly lines: readonly Line[];
  readonly store: ChaosStore;
  readonly backend: ReferenceBackend;
  readonly proxy: FaultProxy;
  /** Where helper processes say how far they are, if files are carried. */
  readonly carried: string | undefined;
}

export interface Judged {
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** Objects with the bytes of their file, and those that are one too many. */
  readonly objects: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly unfinished: number;
  /** Live refs at the backend that name the object of their file. */
  readonly refs: number;
}

/** Looks at server, backend and database from outside; nobody's own word is taken for anything. */
export async function judgeChaos(kase: ChaosCase): Promise<Judged> {
  const problems = kase.lines.flatMap((line) => {
    if (line.type === 'trouble') return [line.message];
    return line.type === 'finished' && line.verified !== null ? [`verify: ${line.verified}`] : [];
  });
  if (!kase.lines.some(({ type }) => type === 'finished'))
    problems.push('no process came to its end');
  const database = openNodeSqlite(join(kase.app, 'app.db'));
  try {
    const left = whatIsLeft(database, kase.plan.length);
    if (left.length > 0) problems.push(`left to do: ${JSON.stringify(left).slice(0, 2_000)}`);
    judgeAcknowledged(kase, database, problems);
    judgeLog(kase, database, problems);
    await judgeDerived(database, problems);
    await judgeCarried(kase, problems);
    const objects = await judgeObjects(kase, problems);
    const refs = judgeRefs(kase, database, problems);
    return { problems, ...objects, refs };
  } finally {
    database.close();
  }
}

function judgeAcknowledged(kase: ChaosCase, database: SqlDatabase, problems: string[]): void {
  const streams = new Set(
    database.all('SELECT stream FROM lading_stream').map((row) => row['stream']),
  );
  for (const line of kase.lines) {
    if (line.type === 'captured' && !streams.has(line.mediaId)) {
      problems.push(`${line.mediaId} was acknowledged, and is not there`);
    }
  }
}

/** Each upload has succeeded once, by its log: a late result of a process that stood still is in none (contract 4.3). */
function judgeLog({ plan }: ChaosCase, database: SqlDatabase, problems: string[]): void {
  const rows = database.all(
    `SELECT stream, count(*) AS n FROM lading_event WHERE type = 'upload.succeeded' GROUP BY stream`,
  );
  const successes = new Map(rows.map((row) => [row['stream'], Number(row['n'])]));
  for (const { mediaId } of plan) {
    const count = successes.get(mediaId) ?? 0;
    if (count !== 1) problems.push(`${mediaId} succeeded ${count} times, by its log`);
  }
}

/** One completed object for each file, byte for byte; no second one, and no half (contract 4.2). */
async function judgeObjects({ plan, store, proxy }: ChaosCase, problems: string[]) {
  const wanted = new Map(plan.map((one) => [one.mediaId as string, one]));
  const right = new Set<string>();
  let duplicates = 0;
  for (const object of await store.objects()) {
    const file = wanted.get(object.mediaId);
    const isSame = file !== undefined && sha256(await object.read()) === sha256(bytesOf(file.file));
    if (!isSame) problems.push(`${object.name} is no object of ours, or holds other bytes`);
    if (right.has(object.mediaId)) duplicates += 1;
    if (isSame) right.add(object.mediaId);
  }
  const lost = plan.length - right.size;
  const unfinished = await store.unfinished();
  if (lost > 0) problems.push(`${lost} files have no completed object`);
  if (duplicates > 0) problems.push(`${duplicates} files are there twice`);
  for (const name of unfinished) problems.push(`left unfinished: ${name}${wayOf(name, proxy)}`);
  return { objects: right.size, duplicates, lost, unfinished: unfinished.length };
}

/** All requests about it, so that a finding can be understood. */
function wayOf(name: string, proxy: FaultProxy): string {
  return proxy.exchanges
    .filter(({ key }) => name.includes(key))
    .map(({ method, path, fault, isHit, status, told, takenBytes }) => {
      const query = path.split('?')[1]?.replace(/x-id=\w+&?/, '') ?? '';
      const harm = isHit ? ` ${JSON.stringify(fault)}` : '';
      return `\n  ${method} ${query} ${takenBytes} bytes: ${status}, told ${told}${harm}`;
    })
    .join('');
}

/** One ref each at the backend and in the app's own rows, with the url that reads back through no cache of ours. */
function judgeRefs(
  { plan, backend }: ChaosCase,
  database: SqlDatabase,
  problems: string[],
): number {
  const held = backend.rows(ACCOUNT).filter(({ deletedAt }) => deletedAt === null);
  const own = database
    .all('SELECT refs FROM app_item')
    .flatMap((row) => JSON.parse(String(row['refs'])) as { mediaId: string; url: string }[]);
  const urls = new Map(own.map(({ mediaId, url }) => [mediaId, url]));
  const right = new Set(
    held
      .filter(({ ref }) => ref.url === urls.get(ref.mediaId) && !ref.url.startsWith('offline:'))
      .map(({ ref }) => ref.mediaId),
  );
  const isWhole = plan.every(({ mediaId }) => right.has(mediaId));
  if (!isWhole || held.length !== plan.length || own.length !== plan.length) {
    const counts = `${right.size} right of ${held.length} at the backend, ${own.length} in the app's rows`;
    problems.push(`the refs of ${plan.length} files: ${counts}`);
  }
  return right.size;
}

/** The log replayed makes the same states, heads, snapshots, tasks and projections (contract 9.2). */
async function judgeDerived(database: SqlDatabase, problems: string[]): Promise<void> {
  const { events, tables } = openStore(database, systemClock(), systemRandom);
  const machine = hostedAttachment({ services: {}, tables, consequences: { apply: () => {} } });
  const report = await createVerify({ events, tables, machine, clock: systemClock() })();
  for (const { stream, kind, message } of report.differences) {
    problems.push(`verify: ${stream ?? 'totals'}, ${kind}: ${message}`);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Nothing is carried any more, and no result waits for nobody. */
async function judgeCarried({ carried }: ChaosCase, problems: string[]): Promise<void> {
  if (carried === undefined) return;
  const left = await carrierAt(carried).list();
  if (left.length > 0) problems.push(`carried still: ${left.map(({ id }) => id).join(', ')}`);
}
