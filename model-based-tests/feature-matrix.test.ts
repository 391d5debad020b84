import { afterAll, describe, expect, it } from 'vitest';
import { drivers } from '../tests/support/drivers.ts';
import { features } from './support/feature-list.ts';
import { pairsOf, type StateRun } from './support/feature-matrix.ts';
import { operations } from './support/feature-operations.ts';
import { type Part, runOn, summary } from './support/feature-runs.ts';
import { machineStates } from './support/feature-states.ts';

const states = machineStates();

/** The other drivers take a third each, another one in each state; `LADING_RUNS=3` gives every cell to all of them. */
const isWhole = Number(process.env['LADING_RUNS'] ?? '1') >= 3;
const parts: Readonly<Record<string, Part>> = { 'better-sqlite3': 0, 'sql.js': 1 };
const rows = drivers.map((driver) => ({
  driver,
  part: isWhole ? 'all' : (parts[driver.name] ?? 'all'),
}));

describe.each(rows)('every feature × operation × machine state on $driver.name', (row) => {
  const runs: StateRun[] = [];

  it.each(states.map((state, index) => ({ name: state.name, state, index })))(
    '$name',
    async ({ state, index }) => {
      const run = await runOn(row.driver, state, index, row.part);
      runs.push(run);
      expect(run.failures).toEqual([]);
    },
    60_000,
  );

  it('left out no feature and no operation', () => {
    const met = (count: (run: StateRun) => ReadonlyMap<string, number>): ReadonlySet<string> =>
      new Set(runs.flatMap((run) => [...count(run).keys()]));
    expect(runs).toHaveLength(states.length);
    expect(met((run) => run.byFeature)).toEqual(new Set(features.map(({ name }) => name)));
    expect(met((run) => run.byOperation)).toEqual(new Set(operations.map(({ name }) => name)));
    if (row.part === 'all') {
      const cells = runs.reduce((sum, run) => sum + run.cells, 0);
      expect(cells).toBe(states.length * pairsOf().length);
    }
  });

  afterAll(() => console.log(summary(row.driver.name, runs)));
});
