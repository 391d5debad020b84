/** Opens Lading on the folder `argv[2]`, and tells over stdout after how many milliseconds the first upload began. */
import { join } from 'node:path';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { openLading } from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';
import { SCALE_FIELDS } from './fields.ts';

const [, , folder = ''] = process.argv;
const remote = memoryRemote({
  script() {
    process.stdout.write(String(performance.now() - began));
    process.exit();
  },
});
const began = performance.now();
await openLading({
  store: openNodeSqlite(join(folder, 'app.db')),
  blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
  remote,
  fields: SCALE_FIELDS,
  account: 'me',
});
