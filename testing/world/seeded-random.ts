import type { Random } from '../../ports/random.ts';

/** Chance that comes out the same for the same seed. */
export interface SeededRandom extends Random {
  /**
   * A stream of chance of its own: it depends on the seed and the labels on the way to it, never on how much was drawn
   * from another one. So a new draw in the network does not change what the disk does.
   */
  fork(label: string): SeededRandom;
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  /** True with this probability; 0 is never, 1 is always. */
  chance(probability: number): boolean;
  /** @throws {RangeError} when there is nothing to pick from. */
  pick<T>(items: readonly T[]): T;
  /** A copy in random order. */
  shuffle<T>(items: readonly T[]): T[];
}

/**
 * Chance from a seed. The generator is sfc32 by Chris Doty-Humphrey (PractRand 0.94, public domain): 128 bits of
 * state, seeded by a hash of the seed and the fork's labels.
 */
export function seededRandom(seed: number | string): SeededRandom {
  return fromPath(`${typeof seed}:${seed}`);
}

function fromPath(path: string): SeededRandom {
  const next32 = sfc32(hash128(path));
  const next = (): number => ((next32() >>> 5) * 2 ** 26 + (next32() >>> 6)) / 2 ** 53;
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));

  return {
    next,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index += 4) {
        const word = next32();
        for (let byte = 0; byte < 4 && index + byte < length; byte++) {
          bytes[index + byte] = word >>> (8 * byte);
        }
      }
      return bytes;
    },
    fork: (label) => fromPath(`${path}/${encodeURIComponent(label)}`),
    int,
    chance: (probability) => next() < probability,
    pick(items) {
      if (items.length === 0) throw new RangeError('there is nothing to pick from');
      return items[int(0, items.length - 1)] as (typeof items)[number];
    },
    shuffle<T>(items: readonly T[]): T[] {
      const result = [...items];
      for (let index = result.length - 1; index > 0; index--) {
        const other = int(0, index);
        [result[index], result[other]] = [result[other] as T, result[index] as T];
      }
      return result;
    },
  };
}

type Words = readonly [number, number, number, number];

function sfc32(state: Words): () => number {
  let [a, b, c, counter] = state;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + result) | 0;
    return result >>> 0;
  };
  for (let round = 0; round < 15; round++) next(); // as PractRand does: mixes a weak seed
  return next;
}

/** Four FNV-1a lanes over UTF-16 units, each finished with MurmurHash3's fmix32. Not for secrets. */
function hash128(text: string): Words {
  const lane = (offset: number): number => {
    let hash = 0x811c9dc5 ^ offset;
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  };
  return [lane(0), lane(0x9e3779b9), lane(0x7f4a7c15), lane(0x2545f491)];
}
