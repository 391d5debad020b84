import { describe, expect, it } from 'vitest';
import { sampleOf, spacesOf, tightest } from '../../engine/guardrails/spaces.ts';
import { levelOf, percentOf, refusalOf } from '../../engine/guardrails/thresholds.ts';

describe('the level of storage (contract 7.2)', () => {
  const levelAt = (usedBytes: number, totalBytes: number) =>
    levelOf(percentOf({ usedBytes, totalBytes }));

  it('warns from 80 % and is critical from 90 %, to the byte', () => {
    for (const total of [10, 100, 1_000, 1e9, 1e12]) {
      expect(levelAt(0, total)).toBe('ok');
      expect(levelAt(total * 0.8 - 1, total)).toBe('ok');
      expect(levelAt(total * 0.8, total)).toBe('warning');
      expect(levelAt(total * 0.9 - 1, total)).toBe('warning');
      expect(levelAt(total * 0.9, total)).toBe('critical');
      expect(levelAt(total * 2, total)).toBe('critical');
    }
  });

  it('follows the percentage that is shown, which is rounded down: 79.5 % is 79 and no warning', () => {
    expect(percentOf({ usedBytes: 795, totalBytes: 1_000 })).toBe(79);
    expect(levelAt(795, 1_000)).toBe('ok');
    expect(percentOf({ usedBytes: 899_999, totalBytes: 1_000_000 })).toBe(89);
  });

  it('of a disk that has no room at all is critical', () => {
    expect(levelAt(0, 0)).toBe('critical');
  });
});

describe('a save that would fill storage (contract 7.3)', () => {
  it.each([
    [0, 89, undefined],
    [0, 90, 'storage_nearly_full'],
    [0, 100, 'storage_nearly_full'],
    [0, 101, 'storage_full'],
    [50, 39, undefined],
    [50, 40, 'storage_nearly_full'],
    [50, 50, 'storage_nearly_full'],
    [50, 51, 'storage_full'],
    [90, 0, 'storage_nearly_full'],
    [101, 0, 'storage_full'],
  ] as const)('of 100 bytes with %i used and %i more is %s', (usedBytes, incoming, expected) => {
    expect(refusalOf({ usedBytes, totalBytes: 100 }, incoming)).toBe(expected);
  });

  it('is decided in whole numbers: nothing is lost to fractions', () => {
    // 0.9 × 3 × 10¹⁵ and its neighbours are not told apart by a division.
    const totalBytes = 30_000_000_000_010;
    expect(refusalOf({ usedBytes: 27_000_000_000_008, totalBytes }, 0)).toBeUndefined();
    expect(refusalOf({ usedBytes: 27_000_000_000_009, totalBytes }, 0)).toBe('storage_nearly_full');
  });
});

describe('what the platform says (contract 7.1)', () => {
  it('as free room is added to what attachments have', () => {
    expect(sampleOf({ freeBytes: 60 }, 40)).toEqual({
      otherBytes: 0,
      totalBytes: 100,
      askAgainAtBytes: 70,
    });
  });

  it('as a quota counts what else the app stores', () => {
    const sample = sampleOf({ usedBytes: 55, totalBytes: 200 }, 40);
    expect(sample).toMatchObject({ otherBytes: 15, totalBytes: 200 });
    expect(spacesOf(sample, undefined, 60)).toEqual([{ usedBytes: 75, totalBytes: 200 }]);
  });

  it('of less than the log has counted is not believed: the log has the bytes', () => {
    expect(sampleOf({ usedBytes: 5, totalBytes: 200 }, 40)?.otherBytes).toBe(0);
  });

  it('as both is the smaller one', () => {
    expect(sampleOf({ freeBytes: 10, usedBytes: 50, totalBytes: 200 }, 40)?.totalBytes).toBe(60);
    expect(sampleOf({ freeBytes: 900, usedBytes: 50, totalBytes: 200 }, 40)?.totalBytes).toBe(200);
  });

  it.each([
    Number.NaN,
    -1,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    null,
    '100',
    undefined,
  ])('as %s is not said', (lie) => {
    const numbers = { freeBytes: lie, totalBytes: lie, usedBytes: lie };
    expect(sampleOf(numbers as never, 40)).toBeUndefined();
    const used = sampleOf({ totalBytes: 200, usedBytes: lie } as never, 40);
    expect(used).toMatchObject({ otherBytes: 0, totalBytes: 200 });
  });

  it('as a whole of nothing is not said, as no free room it is', () => {
    expect(sampleOf({ totalBytes: 0, usedBytes: 0 }, 40)).toBeUndefined();
    expect(sampleOf({ freeBytes: 0 }, 40)).toMatchObject({ otherBytes: 0, totalBytes: 40 });
  });

  it('stands beside the budget of the app, and the one that is filled more is shown', () => {
    const sample = { otherBytes: 0, totalBytes: 1_000, askAgainAtBytes: 500 };
    expect(spacesOf(undefined, undefined, 40)).toEqual([]);
    expect(tightest(spacesOf(sample, 50, 40))).toEqual({ usedBytes: 40, totalBytes: 50 });
    expect(tightest(spacesOf(sample, 5_000, 40))).toEqual({ usedBytes: 40, totalBytes: 1_000 });
  });
});
