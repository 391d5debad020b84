import { simulateYear, yearBugs, yearOracles } from 'lading/testing';
import { describe, expect, it, vi } from 'vitest';

/** A month that is as busy as three: enough for every bug, and short. */
const PARTS = { attachments: 250, days: 30 } as const;
/** The first seed that finds it, where it is not the first one. */
const foundBySeed: Readonly<Record<string, number>> = { 'shared-file-removed': 8 };

vi.setConfig({ testTimeout: 240_000 });

describe('a simulated year finds', () => {
  for (const bug of yearBugs) {
    it(`${bug.name}: ${bug.sentence}`, async () => {
      const seed = foundBySeed[bug.name] ?? 1;
      const told: string[] = [];
      // When the year changes, so do the seeds: a few more are tried before it counts as missed.
      for (let tried = seed; tried < seed + 8 && !told.includes(bug.foundBy); tried++) {
        const { failures } = await simulateYear(tried, bug, PARTS);
        told.push(...failures.map(({ oracle }) => oracle));
      }
      expect(told).toContain(bug.foundBy);
    });
  }

  it('nothing where nothing is planted, and is the same for the same seed', async () => {
    const [one, again] = [await simulateYear(2, {}, PARTS), await simulateYear(2, {}, PARTS)];
    expect(one.failures).toEqual([]);
    expect(again.hash).toBe(one.hash);
    // What fails by itself would count as found: these are the first years that bugs are looked for in.
    const others = [await simulateYear(1, {}, PARTS), await simulateYear(3, {}, PARTS)];
    expect(others.flatMap(({ failures }) => failures)).toEqual([]);
    for (const other of others) expect(other.hash).not.toBe(one.hash);
  });

  it('nothing on SQLite with simulated bytes either', async () => {
    const { failures, powerCuts } = await simulateYear(4, {}, { ...PARTS, driver: 'sqlite-wasm' });
    expect({ failures, powerCuts: powerCuts > 0 }).toEqual({ failures: [], powerCuts: true });
  });

  it('each bug by an oracle that there is', () => {
    const names = yearOracles.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(yearBugs.filter(({ foundBy }) => !names.includes(foundBy))).toEqual([]);
  });
});
