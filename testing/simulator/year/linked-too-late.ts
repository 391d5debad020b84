import type { Device } from '../device.ts';
import { mayBeGone } from '../ledger.ts';
import { mediaOf, refsOf } from '../rows.ts';
import { keyOf, type World } from '../world.ts';

/**
 * Whether a device holds a ref that the backend has not, and rightly so (contract 2, 3.5, 5.2): another device took the
 * attachment away, the backend deleted its object after the grace, and only then did it hear that this one had linked it,
 * while offline, elsewhere. No byte of it is left here to be sent again, so that it shows `failed`, for good, until somebody
 * removes it. That it came to this is asked of the judge's books and of the servers; the device only has to admit it.
 */
export function isLinkedTooLate(
  world: World,
  device: Device,
  ownerKey: string,
  mediaId: string,
): boolean {
  const file = world.ledger.find(mediaId);
  const isKnownToBeLate =
    file !== undefined &&
    mayBeGone(file) &&
    file.places.get(ownerKey)?.askedAgain === true &&
    world.deleted.has(keyOf(mediaId)) &&
    world.store.object(keyOf(mediaId)) === undefined;
  if (!isKnownToBeLate) return false;
  const isHeld = refsOf(device).some((ref) => ref.mediaId === mediaId && ref.ownerKey === ownerKey);
  const row = mediaOf(device).find((one) => one.mediaId === mediaId);
  const error = row?.facts.situation === 'failed' ? row.facts.error : null;
  return isHeld && row?.hasBytes === false && error?.code === 'object_gone' && !error.retryable;
}
