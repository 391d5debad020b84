/** `npm run bench:uploads`: what uploads cost beside sending the bytes alone, as ratios within one run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lossyUploads } from './uploads/lossy.ts';
import { memory } from './uploads/memory.ts';
import { startS3 } from './uploads/s3-server.ts';
import { startServer } from './uploads/server-process.ts';
import { subjectOf } from './uploads/subjects.ts';
import { throughput } from './uploads/throughput.ts';

const folder = await mkdtemp(join(tmpdir(), 'lading-bench-'));
const server = await startServer(folder);
const s3 = await startS3();
const places = {
  http: server.origin,
  tus: server.origin,
  ...(s3 === undefined ? {} : { s3: JSON.stringify(s3.place) }),
};
try {
  const subjects = Object.entries(places).map(([kind, place]) => subjectOf(kind, place));
  for (const { of, subject, lading, plain, ratio, goal } of await throughput(folder, subjects)) {
    const rates = `${megabytes(lading)}/s, ${subject.baseline} ${megabytes(plain)}/s`;
    line(`${subject.name}, files of ${of}`, ratio, `of ${goal}`, rates);
  }
  for (const { kind, small, large } of await memory(folder, places)) {
    const most = `${megabytes(small)} and ${megabytes(large)}`;
    line(`${kind}, memory for a file of 256 MB`, large / small, '× one of 4 MB', most);
  }
  const { one, six } = await lossyUploads(folder, server.origin);
  const rates = `${one.toFixed(2)}/s and ${six.toFixed(2)}/s`;
  line('50 ms, 1 % loss: six at once', six / one, '× one at a time, of 4', rates);
} finally {
  server.stop();
  await s3?.cluster.stop();
  await rm(folder, { recursive: true, force: true });
}

function line(what: string, ratio: number, of: string, figures: string): void {
  process.stdout.write(`${what.padEnd(36)} ${ratio.toFixed(2).padStart(6)} ${of} (${figures})\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
