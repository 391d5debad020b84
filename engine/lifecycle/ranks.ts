import { generateNKeysBetween } from 'fractional-indexing';

/** One rank between two, `null` for the ends of the list; see {@link ranksBetween}. */
export function rankBetween(before: string | null, after: string | null): string {
  return ranksBetween(before, after, 1)[0] as string;
}

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
      last = `${last}${last === '' ? LOWEST : MIDDLE}`;
      ranks.push(last);
    }
    return ranks;
  }
}

/** Sorts before every digit and letter that a fractional index begins with. */
const LOWEST = '!';
const MIDDLE = 'V';
