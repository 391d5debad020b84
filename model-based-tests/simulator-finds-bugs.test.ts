import { type PlantedBug, plantedBugs, simulate } from 'lading/testing';
import { describe, expect, it, vi } from 'vitest';

/** The seed that finds each bug, so that CI runs one life for each; `npm run simulate -- --planted` looks for them. */
const foundBySeed: Readonly<Record<string, number>> = {
  'effect-before-commit': 21,
  'database-not-synced': 11,
  'bytes-not-synced': 7,
  'name-not-synced': 7,
  'late-success': 7,
  'backoff-not-persisted': 7,
  'new-op-id-each-time': 5,
  'op-forgotten-early': 6,
  'lease-ignored': 21,
  'no-second-look': 17,
  'shared-file-removed': 9,
  'budget-ignored': 7,
};

// A few lives where the seeds have moved, on a machine that does much else.
vi.setConfig({ testTimeout: 240_000 });

describe('the simulator finds', () => {
  for (const bug of plantedBugs) {
    it(`${bug.name}: ${bug.sentence}`, async () => {
      const failures = await failuresNear(bug, foundBySeed[bug.name] ?? 1);
      expect(failures).not.toEqual([]);
      const others = failures.filter(({ oracle }) => oracle !== (bug.foundOnlyBy ?? oracle));
      expect(others).toEqual([]);
    });
  }

  it('nothing in a life without a planted bug', async () => {
    expect((await simulate(2)).failures).toEqual([]);
  });
});

/** When the scenario changes, so do the seeds: a few more are tried before it counts as missed. */
async function failuresNear(bug: PlantedBug, seed: number) {
  for (let tried = seed; tried < seed + 12; tried++) {
    const { failures } = await simulate(tried, bug);
    if (failures.length > 0) return failures;
  }
  return [];
}
