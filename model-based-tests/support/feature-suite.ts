import { afterAll, describe, expect, it } from 'vitest';
import { type DriverName, driverNamed } from '../../tests/support/drivers.ts';
import { features } from './feature-list.ts';
import { pairsOf, type StateRun } from './feature-matrix.ts';
import { operations } from './feature-operations.ts';
import { PARTS, type Part, runOn, summary } from './feature-runs.ts';
import { machineStates } from './feature-states.ts';

/** A share of the matrix: two test files run at the same time. */
export interface Share {
  readonly driver: DriverName;
  /** Every second machine state, or all. */
  readonly states: 'even' | 'odd' | 'all';
  /** Of each state all cells, or a sixth of them. */
  readonly part: Part;
}

const all = machineStates().map((state, index) => ({ name: state.name, state, index }));
/** Gives every cell to every driver. */
const isWhole = Number(process.env['LADING_RUNS'] ?? '1') >= 3;

/** The tests of some shares: one for each machine state, and one that says that nothing was left out. */
export function featureMatrix(shares: readonly Share[]): void {
  describe.each(shares)(
    'every feature × operation, in $states machine states, on $driver',
    (share) => {
      const driver = driverNamed(share.driver);
      const part = isWhole ? 'all' : share.part;
      const states = all.filter(
        ({ index }) => share.states === 'all' || (index % 2 === 0) === (share.states === 'even'),
      );
      const runs: StateRun[] = [];

      it.each(states)(
        '$name',
        async ({ state, index }) => {
          const run = await runOn(driver, state, index, part);
          runs.push(run);
          expect(run.failures).toEqual([]);
        },
        120_000,
      );

      it('left out no feature and no operation', () => {
        const met = (count: (run: StateRun) => ReadonlyMap<string, number>): ReadonlySet<string> =>
          new Set(runs.flatMap((run) => [...count(run).keys()]));
        expect(runs).toHaveLength(states.length);
        expect(met((run) => run.byFeature)).toEqual(new Set(features.map(({ name }) => name)));
        expect(met((run) => run.byOperation)).toEqual(new Set(operations.map(({ name }) => name)));
        const cells = runs.reduce((sum, run) => sum + run.cells, 0);
        const wanted = states.length * pairsOf().length * (part === 'all' ? 1 : 1 / PARTS);
        expect(Math.abs(cells - wanted)).toBeLessThan(states.length);
      });

      afterAll(() => console.log(summary(share.driver, runs)));
    },
  );
}
