import { simulate } from '../simulator/index.ts';
import { cutEverywhere } from './cut-everywhere.ts';
import { huntAll } from './hunt.ts';
import { printReport, type SeedReport, seedReport } from './seed-report.ts';
import { HELP, parseSimulateArguments, type SimulateOptions } from './simulate-arguments.ts';
import { exitCodeOf } from './usage.ts';
import { runInWorkers } from './workers.ts';

const words: Readonly<Record<string, string>> = { powerCuts: 'power cuts' };

/** `npm run simulate`: runs seeds and prints what became of them. See `--help`. */
process.exitCode = await exitCodeOf(async () => {
  const options = parseSimulateArguments(process.argv.slice(2));
  if (options.help) {
    console.log(HELP);
    return true;
  }
  if (options.planted) return huntAll(options.seeds);
  if (options.powerCuts) return cutEverywhere({ driver: options.driver });
  if (options.seed !== undefined) return runOne(options.seed, options);
  return runMany(options);
});

async function runOne(seed: number, { bug, driver, verbose }: SimulateOptions): Promise<boolean> {
  const result = seedReport(await simulate(seed, bug, { driver }), 'with trace');
  const isSound = result.failures.length === 0;
  if (isSound && verbose) for (const line of result.trace) console.log(line);
  printReport(result, verbose);
  return isSound;
}

async function runMany(options: SimulateOptions): Promise<boolean> {
  const { seeds, from, workers, bug, driver, verbose } = options;
  const startedAt = Date.now();
  const sums = { captures: 0, crashes: 0, powerCuts: 0, restarts: 0, requests: 0, events: 0 };
  let [done, failed, toldAt] = [0, 0, startedAt];
  const take = (result: SeedReport): void => {
    done += 1;
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name];
    if (result.failures.length > 0) {
      failed += 1;
      printReport(result, verbose);
    }
    if (Date.now() - toldAt < 5_000) return;
    toldAt = Date.now();
    console.log(`${done} of ${seeds} seeds, ${failed} failed, ${secondsSince(startedAt)} s`);
  };
  if (workers > 1) await runInWorkers({ from, seeds, workers, driver, bug: bug?.name }, take);
  else {
    for (let seed = from; seed < from + seeds; seed++) {
      take(seedReport(await simulate(seed, bug, { driver })));
    }
  }
  const counted = Object.entries(sums).map(([name, sum]) => `${sum} ${words[name] ?? name}`);
  console.log(
    `${seeds} seeds, ${failed} failed: ${counted.join(', ')}; ${secondsSince(startedAt)} s`,
  );
  return failed === 0;
}

function secondsSince(startedAt: number): string {
  return ((Date.now() - startedAt) / 1_000).toFixed(1);
}
