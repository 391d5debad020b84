import { isStoredFormOf, mayBeGone } from '../ledger.ts';
import { keyOf } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 4.2: however often a job runs, one completed object. */
export const oneObject: Oracle = {
  name: 'an attachment has one completed object, ever',
  atEnd: (world) => {
    const known = new Map(world.ledger.files.map((file) => [keyOf(file.mediaId), file]));
    return [...Map.groupBy(world.store.history, ({ key }) => key)].flatMap(([key, versions]) => {
      const file = known.get(key);
      if (file === undefined) return [`${key} is nobody's`];
      const wrong = versions.filter(({ bytes }) => !isStoredFormOf(file, bytes));
      if (wrong.length > 0) return [`${file.name} was completed with other bytes`];
      // One that was let go may be completed again by a request that was held back; it is deleted again.
      return versions.length === 1 || mayBeGone(file)
        ? []
        : [`${file.name} was completed ${versions.length} times`];
    });
  },
};
