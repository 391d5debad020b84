import { sidecarName } from '../../../../ports/sidecar-name.ts';
import { ACCOUNT } from '../../app.ts';
import type { Device } from '../../device.ts';
import { isStoredFormOf } from '../../ledger.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { keyOf, type World } from '../../world.ts';
import { liveRefs } from '../live-refs.ts';

/**
 * Contract 5.4, 6: on each disk lies what references and policies call for, and nothing else. What was not sent and
 * what is pinned has its bytes, and what was not sent a sidecar too; what was evicted has none; no file is there that
 * no live ref leads to, no temporary file, nothing derived.
 */
export const filesExact: Oracle = {
  name: 'a device has the files that its refs and policies call for, and no others',
  atEnd: (world, devices) => devices.flatMap((device) => differences(world, device)),
};

function differences(world: World, device: Device): readonly string[] {
  const files = device.disk.contents();
  const live = new Set<string>(liveRefs(world).map(({ ref }) => ref.mediaId));
  const rows =
    device.sql?.all(
      `SELECT media_id, has_bytes, blob_key, facts ->> 'pinned' AS pinned FROM lading_media ORDER BY media_id`,
    ) ?? [];
  const called = new Set<string>();
  const problems: string[] = [];
  for (const row of rows) {
    const mediaId = String(row['media_id']);
    const file = world.ledger.find(mediaId);
    const who = `${file?.name ?? mediaId} on ${device.name}`;
    const hasBytes = row['has_bytes'] === 1;
    const isSent = !world.forbidden.has(keyOf(mediaId));
    const isOnlyHere = !isSent && file?.device === device.name && live.has(mediaId);
    const isPinned = isSent && row['pinned'] === 1 && live.has(mediaId);
    if (isOnlyHere) called.add(`sidecars/${sidecarName(ACCOUNT, mediaId)}`);
    if ((isOnlyHere || isPinned) && !hasBytes) {
      problems.push(`${who} has no bytes, and is pinned or not sent`);
    }
    if (!hasBytes) continue;
    if (!live.has(mediaId)) problems.push(`${who} has bytes, and no ref`);
    const path = `blobs/${String(row['blob_key'])}`;
    called.add(path);
    const found = files.get(path);
    if (found !== undefined && (file === undefined || !isStoredFormOf(file, found))) {
      problems.push(`${who} has other bytes`);
    }
  }
  return [
    ...problems,
    ...[...called]
      .filter((path) => !files.has(path))
      .map((path) => `${device.name}: the file ${path} is called for, and not there`),
    ...[...files.keys()]
      .filter((path) => !called.has(path) && !path.startsWith(DATABASE))
      .map((path) => `${device.name}: nothing calls for the file ${path}`),
  ];
}

const DATABASE = 'app.db';
