/**
 * Opens Lading on the folder `argv[2]` in a process of its own, and tells over stdout, as JSON: when it was open, when
 * the first upload began, and what an idle engine keeps. Run it with `--expose-gc`.
 */
import { join } from 'node:path';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { openLading } from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';
import { SCALE_FIELDS } from './fields.ts';

const [, , folder = ''] = process.argv;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run it with --expose-gc');

let firstUploadAt: number | undefined;
const remote = memoryRemote({
  script() {
    firstUploadAt ??= performance.now();
    return undefined;
  },
});
const began = performance.now();
const lading = await openLading({
  store: openNodeSqlite(join(folder, 'app.db')),
  blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
  remote,
  fields: SCALE_FIELDS,
  account: 'me',
});
const openMs = performance.now() - began;
await lading.settled();
await new Promise((resolve) => setTimeout(resolve, 50));
collect();
collect();
const { heapUsed } = process.memoryUsage();
await lading.close();
process.stdout.write(
  JSON.stringify({ openMs, heapUsed, firstUploadMs: (firstUploadAt ?? Number.NaN) - began }),
);
