import { generateNKeysBetween } from 'fractional-indexing';
import { unknownAfter } from './rank-after.ts';

/**
 * `count` ranks in order, after `before` and before `after`: fractional indexes, compared as plain text. Another app
 * may have written ranks that are none; then text that sorts after `before` has to do, and places get as near as they can.
 */
export function ranksBetween(
  before: string | null,
  after: string | null,
  count: number,
): readonly string[] {
  try {
    return generateNKeysBetween(before, after, count);
  } catch {
    const ranks: string[] = [];
    for (let last = before ?? '', n = 0; n < count; n++) {
      last = unknownAfter(last);
      ranks.push(last);
    }
    return ranks;
  }
}
