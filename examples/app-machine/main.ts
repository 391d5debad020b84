/**
 * An app's own XState machine, with attachments as its actors. It is stopped in the middle of an upload, which goes on;
 * then it is restored from its snapshot, and finds the same photo.
 * `npm run build && npx node examples/app-machine/main.ts`
 */
import { bytesSource, type Lading, type Owner, openLading } from 'lading';
import { openNodeSqlite } from 'lading/sqlite/node';
import { memoryBlobs, memoryRemote, samplePng } from 'lading/testing';
import { createActor, type SnapshotFrom, waitFor } from 'xstate';
import { inspectionMachine } from './inspection.ts';

type Persisted = SnapshotFrom<ReturnType<typeof inspectionMachine>>;

const database = openNodeSqlite(':memory:');
database.exec('CREATE TABLE inspection (id TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT');
/** A server that takes the photo only once it is told to: long enough to stop the app in between. */
const server = Promise.withResolvers<void>();
const lading = await openLading({
  store: database,
  blobs: memoryBlobs(),
  remote: memoryRemote({ script: () => ({ after: server.promise }) }),
  fields: { 'inspection.photos': { kinds: ['image'] } },
  account: 'ada',
});
const owner: Owner = {
  scope: { accountId: 'ada' },
  entityType: 'inspection',
  entityId: 'i-1',
  field: 'photos',
};
const machine = inspectionMachine(lading, owner);

const inspection = createActor(machine).start();
inspection.subscribe(({ value }) => console.log(`inspection: ${value}`));
inspection.send({ type: 'typed', note: 'crack in the wall' });
inspection.send({ type: 'saved', source: bytesSource(samplePng(), { contentType: 'image/png' }) });
const { value, context } = await waitFor(
  inspection,
  (state) => state.matches('sending') || state.context.problem !== null,
);
if (value !== 'sending') throw new Error(`the photo was refused: ${context.problem}`);
console.log(`rows: ${JSON.stringify(database.all('SELECT note FROM inspection'))}`);
inspection.send({ type: 'opened', refs: lading.list(owner).map(({ ref }) => ref) });
await uploading(lading);

const persisted = JSON.stringify(inspection.getPersistedSnapshot());
inspection.stop();
console.log('the inspection was stopped in the middle of the upload');
server.resolve();
await lading.settled();
console.log(`the photo: ${lading.list(owner)[0]?.view.state ?? 'none'}`);

const restored = createActor(machine, { snapshot: JSON.parse(persisted) as Persisted }).start();
await waitFor(restored, (state) => state.matches('done'));
const [shown] = restored.getSnapshot().context.shown;
console.log(`shown on the screen: ${shown?.getSnapshot().context.view?.state ?? 'none'}`);
restored.stop();
console.log('the inspection was restored, and is done');
await lading.close();

/** Resolves once the upload is under way. */
async function uploading(engine: Lading): Promise<void> {
  while (engine.metrics().process.uploadsUnderWay === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
