import { countSyncs, livePowerCut, plantedBugs, simulate } from 'lading/testing';
import { describe, expect, it } from 'vitest';

const ON_SQLJS = { driver: 'sql.js' } as const;
/** Tests that share the syncs between them, so that each stays short. */
const SHARES = [0, 1, 2, 3];
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe('a power cut at every sync of a life on sql.js: journal, image, names and blobs', () => {
  it('has more syncs than commits, for an image has syncs of its own', async () => {
    expect(await countSyncs(ON_SQLJS)).toBeGreaterThan(await countSyncs());
    expect((await livePowerCut(undefined, ON_SQLJS)).failures).toEqual([]);
  });

  for (const share of SHARES) {
    it(`loses, doubles and leaks nothing, part ${share + 1} of ${SHARES.length}`, async () => {
      const syncs = await countSyncs(ON_SQLJS);
      for (let sync = 1 + share; sync <= syncs; sync += SHARES.length) {
        for (const when of ['before', 'after'] as const) {
          const { failures, powerCuts } = await livePowerCut({ sync, when }, ON_SQLJS);
          expect({ sync, when, powerCuts, failures }).toMatchObject({ powerCuts: 1, failures: [] });
        }
      }
    }, 240_000);
  }
});

describe('simulated lives on sql.js', () => {
  it('end with every oracle content', async () => {
    const lived = { captures: 0, crashes: 0, powerCuts: 0 };
    for (const seed of SEEDS) {
      const result = await simulate(seed, {}, ON_SQLJS);
      const replay = `npm run simulate -- --driver sql.js --seed ${seed} --verbose`;
      expect({ seed, replay, failures: result.failures }).toMatchObject({ failures: [] });
      for (const name of Object.keys(lived) as (keyof typeof lived)[]) lived[name] += result[name];
    }
    expect(lived.captures).toBeGreaterThan(SEEDS.length);
    expect(lived.crashes + lived.powerCuts).toBeGreaterThan(3);
  }, 240_000);

  it('show it when the journal is not synced', async () => {
    const bug = plantedBugs.find(({ name }) => name === 'database-not-synced');
    let found = 0;
    for (let seed = 1; seed <= 12 && found === 0; seed++) {
      found = (await simulate(seed, bug, ON_SQLJS)).failures.length;
    }
    expect(found).toBeGreaterThan(0);
  }, 240_000);
});
