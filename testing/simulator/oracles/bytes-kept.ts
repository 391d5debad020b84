import type { Device } from '../device.ts';
import { isStoredFormOf, mayBeGone, mustBeThere } from '../ledger.ts';
import { blobsOf, isOver, mediaOf } from '../rows.ts';
import { keyOf, type World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 3.2: from the acknowledgement on, no crash loses a byte. */
export const bytesKept: Oracle = {
  name: 'no acknowledged byte is lost',
  atRestart: (world, device) => lost(world, device),
  atEnd: (world, devices) => [
    ...devices.flatMap((device) => lost(world, device)),
    ...world.ledger.files
      .filter((file) => [...file.places.values()].some((place) => mustBeThere(file, place)))
      .filter(({ mediaId }) => !world.forbidden.has(keyOf(mediaId)))
      .flatMap((file) => {
        const object = world.store.objects().find(({ key }) => key === keyOf(file.mediaId));
        return object !== undefined && isStoredFormOf(file, object.bytes)
          ? []
          : [`${file.name} is not at the remote`];
      }),
  ],
};

/** What this device captured, and neither has nor could fetch. */
function lost({ ledger, store }: World, device: Device): readonly string[] {
  const media = new Map(mediaOf(device).map((row) => [row.mediaId, row]));
  const blobs = blobsOf(device);
  return ledger.files
    .filter((file) => file.device === device.name && file.capture === 'acknowledged')
    .flatMap((file) => {
      const { mediaId, name } = file;
      const row = media.get(mediaId);
      if (row === undefined) {
        const mayBeBuried = (mayBeGone(file) || file.draft) && isOver(device, mediaId);
        return mayBeBuried ? [] : [`${device.name} has no record of ${name}`];
      }
      // A draft may be over its grace; what somebody let go may be gone.
      if (mayBeGone(file) || (file.draft && row.facts.gone)) return [];
      if (!row.hasBytes) {
        const object = store.objects().find(({ key }) => key === keyOf(mediaId));
        const isRemote =
          row.url !== null && object !== undefined && isStoredFormOf(file, object.bytes);
        return isRemote ? [] : [`${device.name} has no bytes of ${name} (${row.facts.local})`];
      }
      const blob = row.blobKey === null ? undefined : blobs.get(row.blobKey);
      if (blob === undefined) return [`${device.name} has no file of ${name}`];
      return isStoredFormOf(file, blob) ? [] : [`${device.name} has other bytes of ${name}`];
    });
}
