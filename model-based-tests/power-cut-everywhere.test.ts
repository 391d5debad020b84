import { countSyncs, livePowerCut } from 'lading/testing';
import { describe, expect, it } from 'vitest';

/** Tests that share the syncs between them, so that each stays short. */
const SHARES = [0, 1, 2, 3];

describe('a power cut at every sync: capture, link, upload with attach, second device, removal during the upload', () => {
  it('has syncs to cut at, and ends well without a cut', async () => {
    expect(await countSyncs()).toBeGreaterThan(20);
    expect((await livePowerCut(undefined)).failures).toEqual([]);
  });

  for (const share of SHARES) {
    it(`loses, doubles and leaks nothing, part ${share + 1} of ${SHARES.length}`, async () => {
      const syncs = await countSyncs();
      let [lives, cuts] = [0, 0];
      for (let sync = 1 + share; sync <= syncs; sync += SHARES.length) {
        for (const when of ['before', 'after'] as const) {
          const { failures, powerCuts } = await livePowerCut({ sync, when });
          expect({ sync, when, failures }).toEqual({ sync, when, failures: [] });
          lives += 1;
          cuts += powerCuts;
        }
      }
      expect(cuts).toBe(lives);
    }, 120_000);
  }
});
