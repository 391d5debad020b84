import { generateKeyBetween } from 'fractional-indexing';
import { describe, expect, it } from 'vitest';
import { rankAfter } from '../../engine/lifecycle/rank-after.ts';

describe('the rank behind the last one', () => {
  it('is the library’s own, for 10,000 files in a row', () => {
    let last: string | null = null;
    for (let n = 0; n < 10_000; n++) {
      const next = rankAfter(last);
      expect(next).toBe(generateKeyBetween(last, null));
      last = next;
    }
  });

  it.each([
    'a0V',
    'az',
    'azV',
    'b0zz',
    'bzz',
    'c9zzV',
    'Zz',
    `y${'z'.repeat(25)}`,
    `z${'z'.repeat(25)}y`,
  ])('sorts after %s, and the library takes it', (last) => {
    const next = rankAfter(last);
    expect(next > last).toBe(true);
    expect(() => generateKeyBetween(next, null)).not.toThrow();
  });

  it.each(['', '0', 'a', 'm', 'a-', 'a!', '~', 'ä', 'b1', `z${'z'.repeat(26)}`, 'rank 7'])(
    'sorts after "%s", which no library made',
    (last) => {
      expect(rankAfter(last) > last).toBe(true);
    },
  );
});
