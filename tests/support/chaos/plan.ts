import type { MediaId, Owner } from '../../../machines/attachment/types.ts';
import { seededRandom } from '../../../testing/world/seeded-random.ts';
import type { PlannedFile } from '../engine-chaos/plan.ts';

/** A file that the campaign's user captures; its id is of the seed, so that faults are the same for the same seed. */
export interface ChaosFile {
  readonly n: number;
  readonly mediaId: MediaId;
  readonly owner: Owner;
  readonly file: PlannedFile;
}

export const ACCOUNT = 'ann';
export const FIELD = 'item.photos';
/** Refs in one list. */
const PER_OWNER = 25;

/** Most files are photos of a bad camera, one in ten is large, one in a hundred is sent in several parts. */
const SMALL_BYTES = [1_500, 60_000] as const;
const LARGE_BYTES = [200_000, 900_000] as const;
const FILM_BYTES = [6_000_000, 9_000_000] as const;

/** What is captured, from a seed; the same in the children, who do it, and in the judge. */
export function chaosPlan(seed: number, files: number): readonly ChaosFile[] {
  const random = seededRandom(`chaos ${seed}`);
  return Array.from({ length: files }, (_, n) => {
    const isLarge = random.chance(0.1);
    const [low, high] = n % 100 === 7 ? FILM_BYTES : isLarge ? LARGE_BYTES : SMALL_BYTES;
    return {
      n,
      mediaId: idOf(n, random.bytes(10)),
      owner: ownerOf(n),
      file: { seed: random.int(0, 1_000_000_000), sizeBytes: random.int(low, high) },
    };
  });
}

/** What is captured after the last kill, so that there is something left to do until then: each process's last file. */
export function restOf(plan: readonly ChaosFile[], processes: number): readonly ChaosFile[] {
  return plan.slice(Math.max(0, plan.length - processes));
}

export function owners(files: number): readonly Owner[] {
  return Array.from({ length: Math.ceil(files / PER_OWNER) }, (_, at) => ownerOf(at * PER_OWNER));
}

function ownerOf(n: number): Owner {
  return {
    scope: { accountId: ACCOUNT, projectId: null },
    entityType: 'item',
    entityId: `item-${Math.floor(n / PER_OWNER)}`,
    field: 'photos',
  };
}

/** UUIDv7, in the order of `n`. */
function idOf(n: number, bytes: Uint8Array): MediaId {
  const time = (1_700_000_000_000 + n).toString(16).padStart(12, '0');
  const hex = Buffer.from(bytes).toString('hex');
  const variant = '89ab'[Number.parseInt(hex[3] ?? '0', 16) % 4];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}` as MediaId;
}
