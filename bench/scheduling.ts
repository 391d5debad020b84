/**
 * `npm run bench`, uploads: how well the slots are used at a remote that takes its time, and how soon the first upload
 * begins when many wait.
 */
import { join } from 'node:path';
import { directoryBlobs } from '../adapters/blobs/directory.ts';
import { manualConnectivity } from '../adapters/connectivity/manual.ts';
import { type Lading, openLading, type Remote } from '../index.ts';
import { openNodeSqlite } from '../persistence/drivers/node-sqlite.ts';
import { bytesSource } from '../ports/source.ts';
import { sampleJpeg } from '../testing/sample-files/index.ts';

const LATENCY_MS = 50;
const UPLOADS = 150;
const CONCURRENCY = 3;
const PHOTO_BYTES = 200 * 1024;

/** Uploads a second at a remote that takes 50 ms for each, held against concurrency ÷ latency. */
export async function throughput(folder: string): Promise<void> {
  const remote = slowRemote();
  const net = manualConnectivity({ online: false });
  const lading = await openLading({
    store: openNodeSqlite(join(folder, 'throughput.db')),
    blobs: directoryBlobs({ directory: join(folder, 'throughput') }),
    remote: remote.port,
    connectivity: net,
    onlineDebounceMs: 0,
    fields: { 'item.images': { kinds: ['image'] } },
    account: 'me',
  });
  await captureAll(lading, UPLOADS);
  net.set({ online: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await lading.settled();
  const { commits } = lading.metrics().total;
  await lading.close();
  const { beganAt, endedAt, meanMs } = remote.figures();
  const perSecond = (UPLOADS * 1_000) / (endedAt - beganAt);
  const best = (CONCURRENCY * 1_000) / LATENCY_MS;
  process.stdout.write(
    `${UPLOADS} uploads of ${PHOTO_BYTES / 1024} KB at a remote that takes ${LATENCY_MS} ms (${meanMs.toFixed(1)} measured): ${perSecond.toFixed(1)}/s, ${(perSecond / best).toFixed(3)} of concurrency ÷ latency (${((perSecond * meanMs) / 1000 / CONCURRENCY).toFixed(3)}); ${commits} commits\n`,
  );
}

function slowRemote() {
  let beganAt = 0;
  let endedAt = 0;
  let sum = 0;
  let count = 0;
  const unused = async () => ({ ok: false, class: 'terminal', code: 'unused' }) as const;
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
