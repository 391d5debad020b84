/** An app in a process of its own: keeps the database open, and captures a picture for each line on standard input. */
import { createInterface } from 'node:readline';
import { openLading } from '../../index.ts';
import { openNodeSqlite } from '../../persistence/drivers/node-sqlite.ts';
import { openSqlJs } from '../../persistence/drivers/sqljs.ts';
import { bytesSource } from '../../ports/source.ts';
import { memoryBlobs } from '../../testing/memory-blobs.ts';
import { memoryRemote } from '../../testing/memory-remote.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';

const [file = '', driver] = process.argv.slice(2);
const owner = {
  scope: { accountId: 'account-1' },
  entityType: 'item',
  entityId: 'item-1',
  field: 'images',
};
const never = new Promise<never>(() => {});
/** From here on nothing is written by itself: the upload is under way, and never ends. */
let begins = (): void => {};
const lading = await openLading({
  store: driver === 'sql.js' ? await openSqlJs(file) : openNodeSqlite(file),
  blobs: memoryBlobs(),
  remote: memoryRemote({
    script() {
      begins();
      return { after: never };
    },
  }),
  fields: { 'item.images': { kinds: ['image'] } },
  account: 'account-1',
  runner: { leaseMs: 600_000 }, // no heartbeat while a test compares bytes
});
console.log('open');
for await (const line of createInterface({ input: process.stdin })) {
  const bytes = sampleJpeg({ body: `picture ${line} ${lading.storage().files}` });
  const source = bytesSource(bytes, { filename: 'picture.jpg', contentType: 'image/jpeg' });
  const begun = new Promise<void>((resolve) => {
    begins = resolve;
  });
  const { id } = await lading.capture(source, { owner, kind: 'image' });
  await begun;
  console.log(id);
}
