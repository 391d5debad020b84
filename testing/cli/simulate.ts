import { parseArgs } from 'node:util';
import { type PlantedBug, plantedBugs, simulate } from '../simulator/index.ts';
import { cutEverywhere } from './cut-everywhere.ts';
import { huntAll } from './hunt.ts';
import { printReport, type SeedReport, seedReport } from './seed-report.ts';
import { runInWorkers } from './workers.ts';

/**
 * Runs seeds and prints what became of them. Exit code 1 when one failed, or when a planted bug was not found.
 *
 *     npm run simulate -- [--seeds 200] [--from 1] [--workers 2]
 *     npm run simulate -- --seed 7 [--verbose] [--bug NAME]     one seed again, with all that happened
 *     npm run simulate -- --planted [--seeds 200]               how many seeds each planted bug takes
 *     npm run simulate -- --power-cuts                           the power goes at every sync of one life
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    bug: { type: 'string' },
    planted: { type: 'boolean', default: false },
    'power-cuts': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const words: Readonly<Record<string, string>> = { powerCuts: 'power cuts' };

if (values.planted) process.exitCode = (await huntAll(Number(values.seeds))) ? 0 : 1;
else if (values['power-cuts']) process.exitCode = (await cutEverywhere()) ? 0 : 1;
else if (values.seed !== undefined) await runOne(Number(values.seed));
else await runMany(Number(values.from), Number(values.seeds));

async function runOne(seed: number): Promise<void> {
  const result = seedReport(await simulate(seed, plantedBug()), 'with trace');
  if (result.failures.length > 0) process.exitCode = 1;
  else if (values.verbose) for (const line of result.trace) console.log(line);
  printReport(result, values.verbose);
}

async function runMany(from: number, seeds: number): Promise<void> {
  const startedAt = Date.now();
  const sums = { captures: 0, crashes: 0, powerCuts: 0, restarts: 0, requests: 0, events: 0 };
  let [done, failed, toldAt] = [0, 0, startedAt];
  const take = (result: SeedReport): void => {
    done += 1;
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name];
    if (result.failures.length > 0) {
      failed += 1;
      printReport(result, values.verbose);
    }
    if (Date.now() - toldAt < 5_000) return;
    toldAt = Date.now();
    console.log(`${done} of ${seeds} seeds, ${failed} failed, ${secondsSince(startedAt)} s`);
  };
  const workers = Number(values.workers);
  if (workers > 1) await runInWorkers({ from, seeds, workers, bug: values.bug }, take);
  else {
    const bug = plantedBug();
    for (let seed = from; seed < from + seeds; seed++) take(seedReport(await simulate(seed, bug)));
  }
  const counted = Object.entries(sums).map(([name, sum]) => `${sum} ${words[name] ?? name}`);
  console.log(
    `${seeds} seeds, ${failed} failed: ${counted.join(', ')}; ${secondsSince(startedAt)} s`,
  );
  if (failed > 0) process.exitCode = 1;
}

function plantedBug(): PlantedBug | undefined {
  if (values.bug === undefined) return undefined;
  const found = plantedBugs.find(({ name }) => name === values.bug);
  if (found !== undefined) return found;
  throw new Error(
    `no bug is called ${values.bug}: ${plantedBugs.map(({ name }) => name).join(' ')}`,
  );
}

function secondsSince(startedAt: number): string {
  return ((Date.now() - startedAt) / 1_000).toFixed(1);
}
