import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readOnlyAttachment } from '../../../bin/hosted.ts';
import { createCompactor } from '../../../engine/compaction/compactor.ts';
import { attachmentCompaction } from '../../../engine/lifecycle/compaction.ts';
import { bytesSource, type Lading, openLading, preload } from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { compactionTable } from '../../../persistence/log/compaction-table.ts';
import { openSqliteEventStore } from '../../../persistence/sqlite-event-store.ts';
import { vacuum } from '../../../persistence/vacuum.ts';
import type { Backend } from '../../../ports/backend.ts';
import type { EventStore } from '../../../ports/event-store.ts';
import { silentLogger } from '../../../ports/logger.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import { memoryBlobs } from '../../../testing/memory-blobs.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';
import { sampleJpeg } from '../../../testing/sample-files/index.ts';
import { seededRandom } from '../../../testing/world/seeded-random.ts';
import { type VirtualClock, virtualClock } from '../../../testing/world/virtual-clock.ts';

/** What became of attachments that were captured, linked and uploaded: kept, or removed and purged. */
export type LifeKind = 'settled' | 'purged';

/** Bytes of a database in which so many lives were lived. */
export interface LogSize {
  readonly kind: LifeKind;
  readonly lives: number;
  /** Events of one life. */
  readonly eventsEach: number;
  readonly bytesBefore: number;
  /** After compaction and incremental vacuum. */
  readonly bytesAfter: number;
  /** As above, for one life, without what an empty database has. */
  readonly eachBefore: number;
  readonly eachAfter: number;
  /** Of the log alone: events, heads, snapshots, with their indexes. */
  readonly logEachBefore: number;
  readonly logEachAfter: number;
  /** Of one call of the compactor without its sync to disk, in milliseconds: median, 99th percentile, longest. */
  readonly callMs: { readonly median: number; readonly p99: number; readonly most: number };
  readonly differences: number;
}

/** Lives through attachments with the whole engine on a real file, then compacts, and weighs the file. */
export async function weighLives(folder: string, kind: LifeKind, lives: number): Promise<LogSize> {
  await preload();
  const file = join(folder, `${kind}.db`);
  const clock = virtualClock();
  const empty = await emptySize(join(folder, 'empty.db'), clock);
  const lived = Math.min(lives, MOST_LIVED);
  await live(file, clock, kind, lived);
  multiply(file, Math.ceil(lives / lived));
  const database = unsynced(file);
  const events = openSqliteEventStore(database, clock);
  const before = weigh(file, database);
  const count = database.get('SELECT count(*) AS n FROM lading_event');
  const callMs = await compactAll(events, clock);
  while ((await settle(clock, vacuum(events, 256))).freedPages > 0);
  const after = weigh(file, database);
  const streams = Number(database.get('SELECT count(*) AS n FROM lading_stream')?.['n']);
  await settle(clock, events.close());
  const each = (bytes: number): number => Math.round((bytes - empty.file) / lives);
  return {
    kind,
    lives: streams,
    eventsEach: Number(count?.['n']) / streams,
    bytesBefore: before.file,
    bytesAfter: after.file,
    eachBefore: each(before.file),
    eachAfter: each(after.file),
    logEachBefore: Math.round((before.log - empty.log) / lives),
    logEachAfter: Math.round((after.log - empty.log) / lives),
    callMs,
    differences: await verified(file, clock),
  };
}

/** So many are lived through by the engine; more are their rows once more, under ids of their own. */
const MOST_LIVED = 1_000;
const BATCH = 100;
const account = 'account-1';
const photo = sampleJpeg({ body: 'a small photo' });

async function live(
  file: string,
  clock: VirtualClock,
  kind: LifeKind,
  lives: number,
): Promise<void> {
  const lading = await open(file, clock);
  for (let done = 0; done < lives; done += BATCH) {
    const owner = {
      scope: { accountId: account, projectId: null },
      entityType: 'item',
      entityId: `item-${done}`,
      field: 'images',
    };
    const files = Array.from({ length: Math.min(BATCH, lives - done) }, () => ({
      source: bytesSource(photo, { filename: 'IMG_0412.jpg', contentType: 'image/jpeg' }),
      kind: 'image' as const,
    }));
    await settle(clock, lading.captureAll(files, { owner }));
    await clock.advanceBy(5_000);
    if (kind === 'purged') {
      await settle(clock, lading.ownerDeleted(owner));
      await clock.advanceBy(60_000);
    }
  }
  await settle(clock, lading.close());
}

/** Every life of a database `times` over, as the engine would have left it: the beginning of its id is the copy's number. */
function multiply(file: string, times: number): void {
  if (times <= 1) return;
  const handle = new DatabaseSync(file);
  handle.exec('PRAGMA synchronous = OFF; BEGIN');
  for (const table of ['event', 'stream', 'snapshot', 'media', 'ref'].map(
    (name) => `lading_${name}`,
  )) {
    const names = handle
      .prepare('SELECT name, type FROM pragma_table_info(?)')
      .all(table)
      .map(({ name, type }) => ({ name: String(name), isText: type === 'TEXT' }));
    const id = names.some(({ name }) => name === 'media_id') ? 'media_id' : 'stream';
    const copyId = `printf('%08x', n.n) || substr(t.${id}, 9)`;
    const values = names.map(({ name, isText }) => {
      if (name === 'position') return 'NULL';
      return isText ? `replace(t.${name}, t.${id}, ${copyId})` : `t.${name}`;
    });
    handle.exec(`
      WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${times - 1})
      INSERT INTO ${table} (${names.map(({ name }) => name).join(', ')})
      SELECT ${values.join(', ')} FROM n, ${table} AS t WHERE substr(t.${id}, 1, 3) = '019'`);
  }
  handle.exec(`
    UPDATE lading_blob SET holders = holders * ${times}, evictable = evictable * ${times};
    COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`);
  handle.close();
}

async function open(file: string, clock: VirtualClock): Promise<Lading> {
  const database = unsynced(file);
  return settle(
    clock,
    openLading({
      store: database,
      blobs: memoryBlobs({ clock }),
      remote: memoryRemote(),
      backend: agreeing,
      fields: { 'item.images': { kinds: ['image'], maxCount: 1_000_000 } },
      account,
      concurrency: 50,
      clock,
      random: seededRandom('log-size'),
      garbage: { everyMs: Number.POSITIVE_INFINITY },
      runner: { leaseMs: 24 * 3_600_000 },
    }),
  );
}

/** Bytes are weighed here, not promises. */
function unsynced(file: string): SqlDatabase {
  const database = openNodeSqlite(file);
  database.exec('PRAGMA synchronous = OFF');
  return database;
}

/** Takes every op, so that none waits in the outbox. */
const agreeing: Backend = {
  push: async (ops) => ops.map(({ opId }) => ({ opId, status: 'applied' as const })),
  pull: async () => ({ rows: [], more: false }),
  listen: () => () => {},
};

async function compactAll(events: EventStore, clock: VirtualClock): Promise<LogSize['callMs']> {
  const compactor = createCompactor({
    events,
    table: compactionTable,
    machines: [{ machine: readOnlyAttachment(), rules: attachmentCompaction }],
    logger: silentLogger,
  });
  const took: number[] = [];
  for (let more = true; more; ) {
    const began = performance.now();
    const ages = { checkpointAfterMs: 0, tombstoneAfterMs: 0 };
    ({ more } = await settle(clock, compactor.compact({ now: clock.now(), ...ages })));
    took.push(performance.now() - began);
  }
  const sorted = took.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { median: at(0.5), p99: at(0.99), most: at(1) };
}

async function verified(file: string, clock: VirtualClock): Promise<number> {
  const lading = await open(file, clock);
  const { differences } = await settle(clock, lading.verify());
  await settle(clock, lading.close());
  return differences.length;
}

interface Weight {
  readonly file: number;
  readonly log: number;
}

async function emptySize(file: string, clock: VirtualClock): Promise<Weight> {
  const lading = await open(file, clock);
  await settle(clock, lading.close());
  const database = openNodeSqlite(file);
  const weight = weigh(file, database);
  database.close();
  return weight;
}

function weigh(file: string, database: SqlDatabase): Weight {
  database.get('PRAGMA wal_checkpoint(TRUNCATE)');
  return { file: statSync(file).size, log: logBytes(file) };
}

const LOG_TABLES = ['lading_event', 'lading_stream', 'lading_snapshot'];

/** Pages of the log's tables and of their indexes, as SQLite counts them; 0 where it was built without `dbstat`. */
function logBytes(file: string): number {
  const handle = new DatabaseSync(file, { readOnly: true });
  try {
    const row = handle
      .prepare(
        `SELECT coalesce(sum(s.pgsize), 0) AS n FROM dbstat AS s JOIN sqlite_schema AS t ON t.name = s.name
         WHERE t.tbl_name IN (${LOG_TABLES.map(() => '?').join(', ')})`,
      )
      .get(...LOG_TABLES);
    return Number(row?.['n'] ?? 0);
  } catch {
    return 0;
  } finally {
    handle.close();
  }
}

async function settle<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const note = (): void => {
    isSettled = true;
  };
  promise.then(note, note);
  await clock.runUntil(() => isSettled);
  return promise;
}
