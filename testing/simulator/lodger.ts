import type { LadingOptions } from '../../lading.ts';
import { openLading } from '../../open-lading.ts';
import type { Remote } from '../../ports/remote.ts';
import { bytesSource } from '../../ports/source.ts';
import type { SimProcess } from '../world/process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { photoBytes } from './files.ts';
import type { World } from './world.ts';

/** Who used the phone before, and signed out with work that was never sent. */
export const LODGER = 'bob';

const owner = {
  scope: { accountId: LODGER, projectId: null },
  entityType: 'note',
  entityId: 'n1',
  field: 'photos',
};

/** Nothing is asked of it: its user is offline. */
const unreachable: Remote = {
  upload: async () => OFFLINE,
  head: async () => OFFLINE,
  remove: async () => OFFLINE,
  download: async () => OFFLINE,
};
const OFFLINE = { ok: false, class: 'offline', code: 'offline' } as const;

/**
 * Another account's life on the same database, offline and short: what it leaves is to stay, and to be sent by nobody.
 * @param then called when it has signed out, or failed to open; not when it is killed.
 */
export function lodge(
  world: World,
  process: SimProcess,
  parts: Pick<LadingOptions, 'store' | 'blobs' | 'clock'>,
  chance: SeededRandom,
  then: () => void,
): void {
  const left = (why: string): void => {
    world.trace.note(process.name, why);
    then();
  };
  const random = chance.fork('engine');
  const logger = world.logger(process.name);
  process.guard(live(world, { ...parts, random, logger }, chance)).then(
    (unsent) => left(`bob signs out with ${unsent} photos that were never sent`),
    (error: unknown) => left(String(error)),
  );
}

async function live(
  world: World,
  options: Pick<LadingOptions, 'store' | 'blobs' | 'clock' | 'random' | 'logger'>,
  chance: SeededRandom,
): Promise<number> {
  const lading = await openLading({
    ...options,
    account: LODGER,
    remote: unreachable,
    fields: { 'note.photos': { kinds: ['image'] } },
    connectivity: {
      current: () => ({ online: false, metered: false }),
      subscribe: () => () => {},
    },
  });
  for (let count = chance.int(1, 3); count > 0; count--) {
    const id = lading.newMediaId();
    world.lodger.set(id, false);
    world.trace.name(id, `bob's ${count}`);
    await lading.capture(bytesSource(photoBytes(chance, 800)), { owner, kind: 'image', id });
    world.lodger.set(id, true);
  }
  return (await lading.signOut()).unsent.uploads;
}
