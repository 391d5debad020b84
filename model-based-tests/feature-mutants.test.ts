import { openNodeSqlite } from 'lading/sqlite/node';
import { expect, it } from 'vitest';
import { pairsOf, runState } from './support/feature-matrix.ts';
import { featureMutants } from './support/feature-mutants.ts';
import { operations } from './support/feature-operations.ts';
import { machineStates } from './support/feature-states.ts';

const states = machineStates();
const USUAL = 'linked / queued / present';

function cellsOf(operation: string, name = USUAL) {
  const state = states.find((one) => one.name === name);
  if (state === undefined) throw new Error(`there is no state ${name}`);
  const which = operations.filter((one) => one.name === operation);
  return { state, pairs: pairsOf(undefined, which) };
}

it('the cells that look for mutants are green on the engine as it is', async () => {
  for (const { operation, state } of featureMutants) {
    const cells = cellsOf(operation, state);
    const run = await runState(cells.state, { store: openNodeSqlite(':memory:'), ...cells });
    expect(run.cells).toBeGreaterThan(0);
    expect(run.failures).toEqual([]);
  }
}, 60_000);

it.each(featureMutants)('a cell notices when $title', async (mutant) => {
  const cells = cellsOf(mutant.operation, mutant.state);
  const run = await runState(cells.state, { store: openNodeSqlite(':memory:'), ...cells, mutant });
  expect(run.failures.join('\n')).toContain(` × ${mutant.operation} × `);
});
