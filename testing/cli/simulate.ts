import { parseArgs } from 'node:util';
import { type Simulation, simulate } from '../simulator/index.ts';

/**
 * Runs seeds and prints what became of them. Exit code 1 when one failed.
 * Usage: node testing/cli/simulate.ts [--seeds 200] [--from 1] [--seed S] [--verbose]
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed ?? values.from);
const howMany = values.seed === undefined ? Number(values.seeds) : 1;
const startedAt = Date.now();
let failed = 0;
const sums = { captures: 0, crashes: 0, powerCuts: 0, restarts: 0, requests: 0, events: 0 };
for (let seed = first; seed < first + howMany; seed++) {
  const result = await simulate(seed);
  for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name];
  if (result.failures.length > 0) {
    failed += 1;
    console.log(failureReport(result, values.verbose));
  } else if (values.seed !== undefined) {
    if (values.verbose) console.log(result.trace().join('\n'));
    console.log(`seed ${seed}: clean, trace ${result.hash}`);
  }
}
const seconds = (Date.now() - startedAt) / 1_000;
console.log(
  `${howMany} seeds, ${failed} failed: ${Object.entries(sums)
    .map(([name, sum]) => `${sum} ${name}`)
    .join(', ')}; ${seconds.toFixed(1)} s, ${((seconds / howMany) * 1_000).toFixed(0)} ms a seed`,
);
if (failed > 0) process.exitCode = 1;

function failureReport(result: Simulation, verbose: boolean): string {
  const trace = result.trace();
  return [
    `seed ${result.seed} FAILED`,
    ...result.failures.slice(0, 10).map(({ oracle, message }) => `  ${oracle}: ${message}`),
    ...(verbose ? trace : trace.slice(-60)).map((line) => `  ${line}`),
    `replay: npm run simulate -- --seed ${result.seed} --verbose`,
  ].join('\n');
}
