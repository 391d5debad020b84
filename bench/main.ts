/**
 * `npm run bench`: what the engine costs, as ratios within one run; absolute numbers say more about the machine.
 * Rounds alternate between what is compared, so that other work on the machine falls on both; medians are shown.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { directoryBlobs } from '../adapters/blobs/directory.ts';
import { manualConnectivity } from '../adapters/connectivity/manual.ts';
import { bytesSource, type Lading, openLading } from '../index.ts';
import { openNodeSqlite } from '../persistence/drivers/node-sqlite.ts';
import { blobKey } from '../ports/blob-store.ts';
import { memoryRemote } from '../testing/memory-remote.ts';
import { sampleJpeg } from '../testing/sample-files/index.ts';
import { garbageFigures, garbageLine } from '../tests/support/scale/garbage.ts';
import { openFigures, prepareFolder } from '../tests/support/scale/prepare.ts';
import { scheduling } from './scheduling.ts';

const ROUNDS = 5;
const CAPTURES = 60;
const EVENTS = 300;
const PHOTO_BYTES = 64 * 1024;
const SETTLED = Number(process.env['LADING_SCALE'] ?? 20_000);

const folder = await mkdtemp(join(tmpdir(), 'lading-bench-'));
try {
  await captures();
  await opening();
  await garbage();
  await scheduling(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Captures and events, held against the least that any durable capture costs. */
async function captures(): Promise<void> {
  const lading = await offline(join(folder, 'captures'));
  const floor = await floorOf(join(folder, 'floor'));
  const photo = await captureOne(lading, 0);
  let entity = 1;
  const perSecond = await alternate({
    'floor: blob write + 2 inserts': () => repeat(CAPTURES, floor),
    'captures, one after the other': () =>
      repeat(CAPTURES, async () => void (await captureOne(lading, entity++))),
    'captures, all at once': () =>
      together(CAPTURES, async () => void (await captureOne(lading, entity++))),
    'events, one after the other': () => repeat(EVENTS, (n) => toggle(lading, photo, n)),
    'events, all at once': () => together(EVENTS, (n) => toggle(lading, photo, n)),
  });
  await lading.close();
  const [base = 1] = Object.values(perSecond);
  for (const [name, rate] of Object.entries(perSecond)) {
    line(name, `${rate.toFixed(0)}/s`, `${(rate / base).toFixed(2)} × floor`);
  }
}

/** What opening costs with many settled attachments, held against few. */
async function opening(): Promise<void> {
  const figures = [];
  for (const settled of [100, SETTLED]) {
    const path = await mkdtemp(join(folder, 'open-'));
    await prepareFolder(path, settled);
    figures.push({ settled, ...(await openFigures(path)) });
  }
  const [few] = figures;
  for (const { settled, openMs, firstUploadMs, heapUsed } of figures) {
    const of = `with ${settled} settled`;
    line(`open, ${of}`, `${openMs.toFixed(1)} ms`, ratio(openMs, few?.openMs));
    line(
      `first upload, ${of}`,
      `${firstUploadMs.toFixed(1)} ms`,
      ratio(firstUploadMs, few?.firstUploadMs),
    );
    line(
      `idle heap, ${of}`,
      `${(heapUsed / 2 ** 20).toFixed(2)} MB`,
      ratio(heapUsed, few?.heapUsed),
    );
  }
}

/** How long others wait for their turn while garbage is collected. `LADING_GARBAGE=200000` is the size of the goal. */
async function garbage(): Promise<void> {
  const path = await mkdtemp(join(folder, 'garbage-'));
  const figures = await garbageFigures(path, Number(process.env['LADING_GARBAGE'] ?? 20_000));
  process.stdout.write(`${garbageLine(figures)}\n`);
}

async function offline(path: string): Promise<Lading> {
  return openLading({
    store: openNodeSqlite(`${path}.db`),
    blobs: directoryBlobs({ directory: path }),
    remote: memoryRemote(),
    connectivity: manualConnectivity({ online: false }),
    fields: { 'item.images': { kinds: ['image'] } },
    account: 'me',
  });
}

async function floorOf(path: string): Promise<(n: number) => Promise<void>> {
  const blobs = directoryBlobs({ directory: path });
  const handle = new DatabaseSync(`${path}.db`);
  handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  handle.exec('CREATE TABLE a (id INTEGER PRIMARY KEY, body TEXT)');
  const insert = handle.prepare('INSERT INTO a (body) VALUES (?)');
  let count = 0;
  return async () => {
    const key = blobKey('me', `photo-${count++}`);
    const { sha256 } = await blobs.write(key, photoSource(count).open());
    handle.exec('BEGIN IMMEDIATE');
    insert.run(sha256);
    insert.run(key);
    handle.exec('COMMIT');
  };
}

async function captureOne(lading: Lading, entity: number): Promise<string> {
  const owner = {
    scope: { accountId: 'me', projectId: null },
    entityType: 'item',
    entityId: `entity-${entity}`,
    field: 'images',
  };
  return (await lading.capture(photoSource(entity), { owner, kind: 'image' })).id;
}

function photoSource(n: number) {
  return bytesSource(sampleJpeg({ body: `photo ${n}`, sizeBytes: PHOTO_BYTES }));
}

async function toggle(lading: Lading, id: string, n: number): Promise<void> {
  await (n % 2 === 0 ? lading.pause(id) : lading.resume(id));
}

async function repeat(count: number, run: (n: number) => Promise<void>): Promise<number> {
  for (let n = 0; n < count; n++) await run(n);
  return count;
}

async function together(count: number, run: (n: number) => Promise<void>): Promise<number> {
  await Promise.all(Array.from({ length: count }, (_, n) => run(n)));
  return count;
}

/** Runs each in turn, round by round, after one round to warm up; the median of how many a second. */
async function alternate(
  runs: Readonly<Record<string, () => Promise<number>>>,
): Promise<Readonly<Record<string, number>>> {
  const rates = new Map<string, number[]>(Object.keys(runs).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(runs)) {
      const began = performance.now();
      const count = await run();
      const perSecond = (count * 1_000) / (performance.now() - began);
      if (round > 0) rates.get(name)?.push(perSecond);
    }
  }
  return Object.fromEntries([...rates].map(([name, all]) => [name, medianOf(all)]));
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function ratio(value: number, base = 1): string {
  return `${(value / base).toFixed(2)} × few`;
}

function line(name: string, value: string, compared: string): void {
  process.stdout.write(`${name.padEnd(42)} ${value.padStart(12)} ${compared.padStart(16)}\n`);
}
