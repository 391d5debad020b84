import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { backoffMs, LONGEST_RETRY_AFTER_MS } from '../../machines/attachment/backoff.ts';
import { defaultPolicy } from '../../machines/attachment/context.ts';

const NO_FAULT = null;

describe('backoff (contract 4.5)', () => {
  it('doubles from two seconds up to a minute', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 40].map((failures) =>
      backoffMs(failures, defaultPolicy, 1, NO_FAULT),
    );
    expect(longest).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('is spread by the jitter over the whole range, down to nothing (field case 28)', () => {
    expect(backoffMs(3, defaultPolicy, 0, NO_FAULT)).toBe(0);
    expect(backoffMs(3, defaultPolicy, 0.5, NO_FAULT)).toBe(8_000);
  });

  it('never comes back before the remote allows (field case 29)', () => {
    expect(backoffMs(0, defaultPolicy, 0.5, { retryAfterMs: 90_000 })).toBe(90_000);
    expect(backoffMs(5, defaultPolicy, 0.5, { retryAfterMs: 1_000 })).toBe(30_000);
  });

  it('obeys a remote for at most a day, and ignores nonsense', () => {
    const day = LONGEST_RETRY_AFTER_MS;
    expect(backoffMs(0, defaultPolicy, 0, { retryAfterMs: 10 * day })).toBe(day);
    expect(backoffMs(0, defaultPolicy, 0, { retryAfterMs: Number.POSITIVE_INFINITY })).toBe(day);
    expect(backoffMs(0, defaultPolicy, 0, { retryAfterMs: -5 })).toBe(0);
    expect(backoffMs(0, defaultPolicy, 0, { retryAfterMs: Number.NaN })).toBe(0);
  });

  test.prop([fc.nat(1_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })])(
    'is a whole number within the cap, whatever the failures and the chance',
    (failures, jitter) => {
      const delayMs = backoffMs(failures, defaultPolicy, jitter, NO_FAULT);
      expect(Number.isSafeInteger(delayMs)).toBe(true);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThan(defaultPolicy.backoffCapMs);
    },
  );
});
