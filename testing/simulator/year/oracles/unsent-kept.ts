import type { Device } from '../../device.ts';
import { type FileRecord, isStoredFormOf, mayBeGone, mustBeThere } from '../../ledger.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { blobOf } from '../../rows.ts';
import { keyOf, type World } from '../../world.ts';

/**
 * Contract 3.2, 5: what was acknowledged and that nobody let go of is there, byte for byte: at the remote, or while it
 * was not sent, on its author's disk. The remote's own objects are asked, not what a row says of them.
 */
export const unsentKept: Oracle = {
  name: 'no byte is lost that was not sent',
  atRestart: (world, device) => lost(world, device, sinceLastLook(world, device)),
  atEnd: (world, devices) => devices.flatMap((device) => lost(world, device, world.ledger.files)),
};

/** A restart is judged by what is not sent yet; all others were judged by then, or are at the end. */
function sinceLastLook(world: World, device: Device): readonly FileRecord[] {
  const rows =
    device.sql?.all(`SELECT media_id FROM lading_media WHERE url IS NULL AND origin = 'here'`) ??
    [];
  const newest = world.ledger.files.slice(-NEWEST);
  const unsent = rows.flatMap((row) => world.ledger.find(String(row['media_id'])) ?? []);
  return [...new Set([...newest, ...unsent])];
}

/** Captures that a crash can concern, although no row knows them. */
const NEWEST = 300;

function lost(world: World, device: Device, files: readonly FileRecord[]): readonly string[] {
  const mine = files.filter(
    (file) => file.device === device.name && file.capture === 'acknowledged' && isNeeded(file),
  );
  return mine.flatMap((file) => {
    const object = world.store.object(keyOf(file.mediaId));
    if (object !== undefined && isStoredFormOf(file, object.bytes)) return [];
    const row = device.sql?.get(
      'SELECT has_bytes, blob_key FROM lading_media WHERE media_id = ?',
      file.mediaId,
    );
    if (row === undefined) return [`${device.name} has no record of ${file.name}`];
    const key = row['has_bytes'] === 1 ? String(row['blob_key']) : undefined;
    const blob = key === undefined ? undefined : blobOf(device, key);
    if (blob === undefined) return [`${file.name} is neither on ${device.name} nor at the remote`];
    return isStoredFormOf(file, blob) ? [] : [`${device.name} has other bytes of ${file.name}`];
  });
}

/** A draft is needed until its grace is over: at the end only what was linked. */
function isNeeded(file: FileRecord): boolean {
  if (mayBeGone(file)) return false;
  return [...file.places.values()].some((place) => mustBeThere(file, place));
}
