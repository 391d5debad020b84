/**
 * An app whose uploads are carried by helper processes: `node main.ts <folder> <endpoint> <capture|go on> [s3]`, with the
 * bucket and the credentials as JSON where the endpoint is a store of S3.
 */
import { join } from 'node:path';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { httpRemote } from '../../../adapters/remotes/http/index.ts';
import { nodeCarrier } from '../../../adapters/remotes/node-carrier/index.ts';
import { type S3RemoteOptions, s3Remote } from '../../../adapters/remotes/s3/index.ts';
import { nodeRunner } from '../../../adapters/runner/node.ts';
import { bytesSource, openLading } from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { sampleJpeg } from '../../../testing/sample-files/index.ts';

const [folder = '', endpoint = '', wish = '', s3] = process.argv.slice(2);
const carrier = nodeCarrier({ directory: join(folder, 'carried') });
const lading = await openLading({
  store: openNodeSqlite(join(folder, 'app.sqlite')),
  blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
  remote:
    s3 === undefined
      ? httpRemote({ endpoint, headers: { Authorization: 'Bearer CANARY-token' }, carrier })
      : s3Remote({ endpoint, carrier, ...(JSON.parse(s3) as Pick<S3RemoteOptions, 'bucket'>) }),
  fields: { 'note.photos': { kinds: ['image'], maxBytes: 100_000_000 } },
  account: 'ada',
  runner: nodeRunner(),
});
const owner = { scope: { accountId: 'ada' }, entityType: 'note', entityId: 'n-1', field: 'photos' };

if (wish === 'capture') {
  const photo = sampleJpeg({ body: 'carried', sizeBytes: 20_000_000 });
  await lading.capture(bytesSource(photo, { contentType: 'image/jpeg' }), { owner, kind: 'image' });
}
process.send?.('open');
process.on('message', (message) => {
  const [item] = lading.list(owner);
  if (message === 'close') void lading.close().then(() => process.exit());
  if (message === 'pause' && item !== undefined) {
    void lading.pause(item.ref).then(() => process.send?.('paused'));
  }
  if (message === 'cancel' && item !== undefined) {
    void lading.cancel(item.ref.mediaId).then(() => process.send?.('cancelled'));
  }
});
lading.watch(owner, ([item]) => {
  if (item?.view.state === 'uploaded') process.send?.(item.view.state);
});
