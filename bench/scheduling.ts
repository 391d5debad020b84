/** `npm run bench`: how well slots are used at a remote that takes its time, and how soon one of many begins. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryBlobs } from '../adapters/blobs/directory.ts';
import { manualConnectivity } from '../adapters/connectivity/manual.ts';
import { type Lading, openLading, type Remote } from '../index.ts';
import { openNodeSqlite } from '../persistence/drivers/node-sqlite.ts';
import { bytesSource } from '../ports/source.ts';
import { sampleJpeg } from '../testing/sample-files/index.ts';
import { firstUploadMs, preparePending } from '../tests/support/scale/pending.ts';

const LATENCY_MS = 50;
const UPLOADS = 240;
const CONCURRENCY = 3;
const PHOTO_BYTES = 200 * 1024;
const ROUNDS = 5;
const FEW = 10;
const MANY = 10_000;

export async function scheduling(folder: string): Promise<void> {
  await slots(folder);
  await firstOfMany(folder);
}

/** Uploads a second with the defaults, held against what slots could do that never wait: concurrency ÷ latency. */
async function slots(folder: string): Promise<void> {
  const remote = slowRemote();
  const net = manualConnectivity({ online: false });
  const lading = await openLading({
    store: openNodeSqlite(join(folder, 'slots.db')),
    blobs: directoryBlobs({ directory: join(folder, 'slots') }),
    remote: remote.port,
    connectivity: net,
    onlineDebounceMs: 0,
    fields: { 'item.images': { kinds: ['image'] } },
    account: 'me',
  });
  await captureAll(lading, UPLOADS);
  const arrived = new Promise<void>((resolve) => {
    const stop = lading.watch('sync', ({ pending }) => {
      if (pending > 0) return;
      stop();
      resolve();
    });
  });
  net.set({ online: true });
  await arrived;
  await lading.close();
  const { beganAt, endedAt, meanMs } = remote.figures();
  const perSecond = (UPLOADS * 1_000) / (endedAt - beganAt);
  process.stdout.write(
    `uploads of 200 KB at a remote that takes ${LATENCY_MS} ms (its timer: ${meanMs.toFixed(1)}): ${perSecond.toFixed(1)}/s, ${used(perSecond, LATENCY_MS)} of concurrency ÷ latency, ${used(perSecond, meanMs)} by its timer\n`,
  );
}

function used(perSecond: number, latencyMs: number): string {
  return ((perSecond * latencyMs) / (CONCURRENCY * 1_000)).toFixed(3);
}

/** From opening to the first request, with ten and with ten thousand that wait; medians of rounds that alternate. */
async function firstOfMany(folder: string): Promise<void> {
  const cases = await Promise.all(
    [FEW, MANY].map(async (count) => {
      const path = await mkdtemp(join(folder, 'pending-'));
      await preparePending(path, count);
      return { count, path, ms: [] as number[] };
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const { path, ms } of cases) ms.push(await firstUploadMs(path));
  }
  const [few = Number.NaN, many = Number.NaN] = cases.map(
    ({ ms }) => ms.toSorted((a, b) => a - b)[ROUNDS >> 1],
  );
  process.stdout.write(
    `first upload with ${FEW} pending after ${few.toFixed(1)} ms, with ${MANY} after ${many.toFixed(1)} ms: ${(many / few).toFixed(2)} × few\n`,
  );
}

function slowRemote() {
  let beganAt = 0;
  let endedAt = 0;
  let sum = 0;
  let count = 0;
  const port: Remote = {
    async upload({ objectKey, media }) {
      const began = performance.now();
      if (count === 0) beganAt ||= began;
      await new Promise((resolve) => setTimeout(resolve, LATENCY_MS));
      endedAt = performance.now();
      sum += endedAt - began;
      count += 1;
      const receipt = {
        url: `https://remote.example/${objectKey}`,
        token: null,
        byteSize: media.byteSize,
      };
      return { ok: true, receipt };
    },
    head: unused,
    remove: unused,
    download: unused,
  };
  return { port, figures: () => ({ beganAt, endedAt, meanMs: sum / count }) };
}

async function unused() {
  return { ok: false, class: 'terminal', code: 'unused' } as const;
}

async function captureAll(lading: Lading, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const source = bytesSource(sampleJpeg({ body: `photo ${n}`, sizeBytes: PHOTO_BYTES }));
    const owner = {
      scope: { accountId: 'me', projectId: null },
      entityType: 'item',
      entityId: `entity-${n % 10}`,
      field: 'images',
    };
    await lading.capture(source, { owner, kind: 'image' });
  }
}
