import { ACCOUNT } from '../app.ts';
import type { Device } from '../device.ts';
import { blobsOf, count, mediaOf, sidecarsOf } from '../rows.ts';
import type { World } from '../world.ts';
import { keyOf } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 5: nothing leaks, at the remote, in the tables or on the disk. */
export const nothingLeft: Oracle = {
  name: 'nothing is left behind',
  atEnd: (world, devices) => [
    ...leftAtTheRemote(world),
    ...devices.flatMap((device) => [...leftInTables(device), ...leftOnDisk(world, device)]),
  ],
};

function leftAtTheRemote(world: World): readonly string[] {
  const live = new Set(
    world.backend
      .rows(ACCOUNT)
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ ref }) => keyOf(ref.mediaId)),
  );
  return [
    ...world.store
      .objects()
      .filter(({ key }) => !live.has(key))
      .map(({ key }) => `the object ${key} has no ref`),
    ...world.store
      .sessions()
      .filter(({ key }) => !live.has(key))
      .map(({ key }) => `an unfinished upload of ${key} has no ref`),
  ];
}

function leftInTables({ name, sql }: Device): readonly string[] {
  if (sql === undefined) return [`${name} has no database open`];
  const tasks = sql.all('SELECT stream, kind, name, buried FROM lading_task');
  const ops = count(sql, `SELECT count(*) AS n FROM lading_outbox WHERE account_id = '${ACCOUNT}'`);
  return [
    ...tasks.map((task) => `${name}: ${String(task['name'])} of ${String(task['stream'])} is left`),
    ...(ops === 0 ? [] : [`${name}: ${ops} ops are left in the outbox`]),
  ];
}

function leftOnDisk(world: World, device: Device): readonly string[] {
  const blobs = blobsOf(device);
  const known = mediaOf(device).filter(({ hasBytes }) => hasBytes);
  const keys = new Set(known.map(({ blobKey }) => blobKey));
  const unknown = [...blobs].filter(([key]) => !keys.has(key));
  const [runner] = device.ready();
  const usage = runner?.lading.storage();
  // A file is counted once, however many attachments hold it (contract 5.3).
  const bytes = [...keys].reduce((sum, key) => sum + (blobs.get(key ?? '')?.length ?? 0), 0);
  const unsent = new Set(
    mediaOf(device)
      .filter(({ url, facts }) => url === null && !facts.gone)
      .map(({ mediaId }) => mediaId),
  );
  return [
    // What was sent, or is gone, needs no second witness (field case 16).
    ...sidecarsOf(device)
      .filter((mediaId) => !unsent.has(mediaId))
      .map((mediaId) => `${device.name}: the sidecar of ${mediaId} is left`),
    // Garbage collection will find them; until then only a crash may leave them.
    ...(unknown.length <= device.mostLeftovers
      ? []
      : unknown.map(([key]) => `${device.name}: no record knows the file ${key}`)),
    ...(usage?.usedBytes === bytes && usage.files === keys.size
      ? []
      : [
          `${device.name}: usage says ${usage?.usedBytes} bytes in ${usage?.files} files, there are ${bytes} in ${keys.size}`,
        ]),
  ].map((sentence) => sentence + say(world, sentence));
}

/** Names the attachment that a sentence speaks of. */
function say(world: World, sentence: string): string {
  const file = world.ledger.files.find(({ mediaId }) => sentence.includes(mediaId));
  return file === undefined ? '' : ` (${file.name})`;
}
