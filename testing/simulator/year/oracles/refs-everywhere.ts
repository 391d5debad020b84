import { ownerKey } from '../../../../machines/attachment/types.ts';
import type { Device } from '../../device.ts';
import { mustBeAway, mustBeThere } from '../../ledger.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { refsOf } from '../../rows.ts';
import type { World } from '../../world.ts';
import { isLinkedTooLate } from '../linked-too-late.ts';
import { liveRefs } from '../live-refs.ts';

/**
 * Contract 1, 3.3, 5.2: both devices and the app's rows have the backend's refs; what was let go stays away. What was
 * linked too late is a failure on the device that did it, and nowhere else.
 */
export const refsEverywhere: Oracle = {
  name: 'every device, and the app, has the refs of the backend',
  atEnd(world, devices) {
    const live = liveRefs(world);
    const wanted = new Set(
      live.map(({ owner, ref, rank }) =>
        refText(ownerKey(owner), rank, ref.mediaId, ref.isPrimary === true),
      ),
    );
    const there = new Set(live.map(({ owner, ref }) => `${ownerKey(owner)} ${ref.mediaId}`));
    return [
      ...devices.flatMap((device) => compare(world, device, wanted)),
      ...devices.flatMap(appRows),
      ...world.ledger.files.flatMap((file) =>
        [...file.places].flatMap(([key, place]) => {
          const isThere = there.has(`${key} ${file.mediaId}`);
          if (isThere && mustBeAway(place)) return [`${file.name} came back to ${key}`];
          const isExpected = mustBeThere(file, place) && !isThere;
          return !isExpected ||
            devices.some((one) => isLinkedTooLate(world, one, key, file.mediaId))
            ? []
            : [`${file.name} vanished from ${key}, and nobody took it away`];
        }),
      ),
    ];
  },
};

function compare(world: World, device: Device, wanted: ReadonlySet<string>): readonly string[] {
  const found = new Map(
    refsOf(device).map((row) => [refText(row.ownerKey, row.rank, row.mediaId, row.isPrimary), row]),
  );
  const named = (text: string): string =>
    world.ledger.find(text.split(' ')[2] ?? '')?.name ?? 'nobody';
  return [
    ...[...wanted]
      .filter((ref) => !found.has(ref))
      .map((ref) => `${device.name} lacks the ref ${ref} (${named(ref)})`),
    ...[...found]
      .filter(([ref]) => !wanted.has(ref))
      .filter(([, row]) => !isLinkedTooLate(world, device, row.ownerKey, row.mediaId))
      .map(([ref]) => `${device.name} has the ref ${ref} (${named(ref)}), the backend has not`),
  ];
}

/** The rows of the field projection hold the refs in their order, with their urls. */
function appRows({ name, sql }: Device): readonly string[] {
  const refs = new Map<string, string[]>();
  const rows =
    sql?.all(
      `SELECT r.owner_key, r.media_id, m.url FROM lading_ref AS r JOIN lading_media AS m ON m.media_id = r.media_id
       ORDER BY r.owner_key, r.rank, r.media_id`,
    ) ?? [];
  for (const row of rows) {
    const key = String(row['owner_key']);
    const mediaId = String(row['media_id']);
    const said = `${mediaId} ${row['url'] === null ? `offline://${mediaId}` : String(row['url'])}`;
    refs.set(key, [...(refs.get(key) ?? []), said]);
  }
  const stored = (sql?.all('SELECT owner, refs FROM app_row') ?? []).map((row) => {
    const list = JSON.parse(String(row['refs'])) as readonly { mediaId: string; url: string }[];
    return [String(row['owner']), list.map(({ mediaId, url }) => `${mediaId} ${url}`)] as const;
  });
  const known = new Set(stored.map(([key]) => key));
  return [
    ...stored
      .filter(([key, list]) => list.join() !== (refs.get(key) ?? []).join())
      .map(([key]) => `${name}: the app's row of ${key} is not what its refs are`),
    ...[...refs.keys()]
      .filter((key) => !known.has(key))
      .map((key) => `${name}: the app has no row of ${key}`),
  ];
}

function refText(owner: string, rank: string, mediaId: string, isPrimary: boolean): string {
  return `${owner} ${rank} ${mediaId}${isPrimary ? ' primary' : ''}`;
}
