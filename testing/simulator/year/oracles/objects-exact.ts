import type { Oracle } from '../../oracles/oracle.ts';
import { keyOf } from '../../world.ts';
import { liveRefs } from '../live-refs.ts';

/** Contract 5: at the remote are the objects that a ref leads to, all of them and no others, and no half of one. */
export const objectsExact: Oracle = {
  name: 'the remote has the objects that refs lead to, and no others',
  atEnd(world) {
    const wanted = new Set(
      liveRefs(world)
        .map(({ ref }) => keyOf(ref.mediaId))
        .filter((key) => !world.forbidden.has(key)),
    );
    const objects = new Set(world.store.objects().map(({ key }) => key));
    const nameOf = (key: string): string =>
      world.ledger.find(key.slice(key.indexOf('/') + 1))?.name ?? key;
    return [
      ...[...wanted]
        .filter((key) => !objects.has(key))
        .map((key) => `${nameOf(key)} has a ref and no object`),
      ...[...objects]
        .filter((key) => !wanted.has(key))
        .map((key) => `${nameOf(key)} has an object and no ref`),
      ...world.store.sessions().map(({ key }) => `an upload of ${nameOf(key)} was never finished`),
    ];
  },
};
