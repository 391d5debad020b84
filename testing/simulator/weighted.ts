import type { SeededRandom } from '../world/seeded-random.ts';

/** One of the items, each as often as its weight says. */
export function weighted<T extends { readonly weight: number }>(
  random: SeededRandom,
  items: readonly T[],
): T {
  let rest = random.next() * items.reduce((sum, { weight }) => sum + weight, 0);
  for (const item of items) {
    rest -= item.weight;
    if (rest < 0) return item;
  }
  return random.pick(items);
}
