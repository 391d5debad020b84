import type { Owner } from '../../../machines/attachment/types.ts';
import { ownerKey } from '../../../machines/attachment/types.ts';
import type { SeededRandom } from '../../world/seeded-random.ts';
import { ACCOUNT } from '../app.ts';

/** The entities that a year brings: new ones every day, and old ones that people come back to. */
export interface Owners {
  /** One to put a photo with: mostly what was begun last. */
  next(random: SeededRandom): Owner;
  /** @returns undefined for a key that this did not make. */
  find(key: string): Owner | undefined;
}

/** Attachments that one entity has before people go on to the next. */
const MOST_EACH = 6;

export function createOwners(): Owners {
  const byKey = new Map<string, Owner>();
  const all: Owner[] = [];
  let room = 0;

  function begin(random: SeededRandom): Owner {
    const entityId = `e${all.length + 1}`;
    const kind = random.next();
    const owner: Owner =
      kind < 0.7
        ? { ...inNoProject, entityType: 'transaction', entityId, field: 'receipts' }
        : kind < 0.97
          ? { ...inGarden, entityType: 'space', entityId, field: 'images' }
          : { ...inNoProject, entityType: 'profile', entityId, field: 'logo' };
    byKey.set(ownerKey(owner), owner);
    all.push(owner);
    room = owner.field === 'logo' ? 1 : random.int(1, MOST_EACH);
    return owner;
  }

  return {
    next(random) {
      if (all.length > 0 && random.chance(0.05)) return random.pick(all);
      room -= 1;
      return room < 0 || all.length === 0 ? begin(random) : (all.at(-1) as Owner);
    },
    find: (key) => byKey.get(key),
  };
}

const inNoProject = { scope: { accountId: ACCOUNT, projectId: null } };
const inGarden = { scope: { accountId: ACCOUNT, projectId: 'garden' } };
