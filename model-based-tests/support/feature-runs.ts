import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDriver } from '../../tests/support/drivers.ts';
import { pairsOf, runState, type StateRun } from './feature-matrix.ts';
import type { MachineState } from './feature-states.ts';

/** So many parts the matrix has; one of them is every sixth cell, another one in each state. */
export const PARTS = 6;

/** Which part of the matrix is run: all of it, or one. */
export type Part = 'all' | 0 | 1;

/** One state of the matrix on a real driver. */
export async function runOn(
  driver: TestDriver,
  state: MachineState,
  index: number,
  part: Part,
): Promise<StateRun> {
  const pairs = pairsOf().filter((_pair, n) => part === 'all' || (n + index) % PARTS === part);
  const directory = mkdtempSync(join(tmpdir(), 'lading-features-'));
  try {
    return await runState(state, { store: driver.open(directory), pairs });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The matrix as a few lines: cells per feature and per operation. */
export function summary(title: string, runs: readonly StateRun[]): string {
  const cells = runs.reduce((sum, run) => sum + run.cells, 0);
  const green = cells - runs.reduce((sum, run) => sum + run.failures.length, 0);
  return [
    `${title}: ${green} of ${cells} cells green, in ${runs.length} machine states`,
    ...table(runs.map(({ byFeature }) => byFeature)),
    '',
    ...table(runs.map(({ byOperation }) => byOperation)),
  ].join('\n');
}

function table(counts: readonly ReadonlyMap<string, number>[]): readonly string[] {
  const sums = new Map<string, number>();
  for (const map of counts) {
    for (const [name, count] of map) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return [...sums].map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`);
}
