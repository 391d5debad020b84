import { ownerKey } from '../../../machines/attachment/types.ts';
import { ACCOUNT, owners } from '../app.ts';
import type { Device } from '../device.ts';
import { mustBeAway, mustBeThere } from '../ledger.ts';
import { refsOf } from '../rows.ts';
import type { Oracle } from './oracle.ts';

/** Contract 1, 3.3, 5.2: every device ends with the backend's refs, in its order; what was removed stays away. */
export const refsConverge: Oracle = {
  name: 'every device has the refs of the backend',
  atEnd: (world, devices) => {
    const live = world.backend.rows(ACCOUNT).filter(({ deletedAt }) => deletedAt === null);
    const nameOf = (mediaId: string): string => world.ledger.find(mediaId)?.name ?? mediaId;
    const problems: string[] = [];
    for (const owner of owners) {
      const key = ownerKey(owner);
      const rows = live
        .filter((row) => ownerKey(row.owner) === key)
        .toSorted((a, b) => compare(a.rank, b.rank) || compare(a.ref.mediaId, b.ref.mediaId));
      const wanted = rows.map(({ ref }) => say(nameOf(ref.mediaId), ref.isPrimary === true));
      for (const device of devices) {
        const found = listOf(device, key).map((row) => say(nameOf(row.mediaId), row.isPrimary));
        if (found.join() === wanted.join()) continue;
        problems.push(
          `${device.name} has [${found.join(' ')}] in ${owner.field}, the backend [${wanted.join(' ')}]`,
        );
      }
      if (rows.filter(({ ref }) => ref.isPrimary === true).length > 1) {
        problems.push(`${owner.field} has more than one primary: ${wanted.join(' ')}`);
      }
      for (const [file, place] of world.ledger.placesOf(key)) {
        const isThere = rows.some(({ ref }) => ref.mediaId === file.mediaId);
        if (isThere && mustBeAway(place)) problems.push(`${file.name} came back to ${owner.field}`);
        if (!isThere && mustBeThere(file, place)) {
          problems.push(`${file.name} vanished from ${owner.field}, and nobody took it away`);
        }
      }
    }
    return problems;
  },
};

function listOf(device: Device, key: string) {
  return refsOf(device).filter((row) => row.ownerKey === key);
}

function say(name: string, isPrimary: boolean): string {
  return isPrimary ? `${name}*` : name;
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
