import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { manualConnectivity } from '../../../adapters/connectivity/manual.ts';
import { type GarbageReport, openLading, systemClock } from '../../../index.ts';
import { nodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { blobKey } from '../../../ports/blob-store.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';
import { SCALE_FIELDS } from './fields.ts';
import { prepareFolder } from './prepare.ts';

/** What a whole collection over many files costs those who share the event loop with it. */
export interface GarbageFigures {
  readonly files: number;
  readonly strays: number;
  readonly sliceMs: number;
  readonly seconds: number;
  /** How often the collector let others have their turn. */
  readonly turns: number;
  /** How late a timer of others was, in milliseconds, looked at every millisecond. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly marked: GarbageReport;
  readonly swept: GarbageReport;
  readonly filesLeft: number;
}

const AT_ONCE = 200;

/** `count` files that records know, and one in twenty as many that nobody knows; all of them are looked at twice. */
export async function garbageFigures(folder: string, count: number): Promise<GarbageFigures> {
  const sliceMs = 8;
  await prepareFolder(folder, count);
  const root = join(folder, 'blobs', 'blobs');
  const database = new DatabaseSync(join(folder, 'app.db'), { timeout: 0 });
  const known = database.prepare('SELECT blob_key FROM lading_blob').all();
  const account = String(
    database.prepare('SELECT account_id FROM lading_media LIMIT 1').get()?.['account_id'],
  );
  const strays = Math.ceil(count / 20);
  await writeAll(root, [
    ...known.map(({ blob_key: key }) => String(key)),
    ...Array.from({ length: strays }, (_, n) => blobKey(account, `stray-${n}`)),
  ]);
  const clock = systemClock();
  let turns = 0;
  const lading = await openLading({
    store: nodeSqlite(database),
    blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
    remote: memoryRemote(),
    connectivity: manualConnectivity({ online: false }),
    fields: SCALE_FIELDS,
    account,
    clock: {
      now: () => clock.now(),
      schedule(delayMs, run, options) {
        if (delayMs === 0) turns += 1;
        return clock.schedule(delayMs, run, options);
      },
    },
    garbage: {
      sliceMs,
      graceMs: 0,
      everyMs: Number.POSITIVE_INFINITY,
      // Another judge's: here files are what counts.
      log: { checkpointAfterMs: Number.POSITIVE_INFINITY },
    },
  });
  const began = performance.now();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const marked = await lading.collectGarbage();
  const swept = await lading.collectGarbage();
  delay.disable();
  const seconds = (performance.now() - began) / 1_000;
  await lading.close();
  database.close();
  return {
    files: known.length,
    strays,
    sliceMs,
    seconds,
    turns,
    p50: delay.percentile(50) / 1e6,
    p99: delay.percentile(99) / 1e6,
    longest: delay.max / 1e6,
    marked,
    swept,
    filesLeft: (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    ).length,
  };
}

export function garbageLine(figures: GarbageFigures): string {
  const { files, strays, sliceMs, seconds, turns, p50, p99, longest, swept } = figures;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return `garbage collection over ${files} files and ${strays} strays, slices of ${sliceMs} ms: ${seconds.toFixed(1)} s, others had their turn ${turns} times; a timer of 1 ms came after p50 ${ms(p50)}, p99 ${ms(p99)}, at most ${ms(longest)}; freed ${swept.freed.files} files`;
}

async function writeAll(root: string, keys: readonly string[]): Promise<void> {
  const made = new Set<string>();
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    await Promise.all(
      keys.slice(at, at + AT_ONCE).map(async (key) => {
        const path = join(root, key);
        const directory = dirname(path);
        if (!made.has(directory)) await mkdir(directory, { recursive: true });
        made.add(directory);
        await writeFile(path, 'x');
      }),
    );
  }
}
