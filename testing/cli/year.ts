import { simulateYear } from '../simulator/year/simulate-year.ts';
import { exitCodeOf } from './usage.ts';
import { parseYearArguments, YEAR_HELP, type YearOptions } from './year-arguments.ts';
import { printYear, type YearReport, yearReport } from './year-report.ts';
import { yearsInWorkers } from './year-workers.ts';

/** `npm run year`: lives years and prints what became of them. See `--help`. */
process.exitCode = await exitCodeOf(async () => {
  const options = parseYearArguments(process.argv.slice(2));
  if (options.help) {
    console.log(YEAR_HELP);
    return true;
  }
  return runYears(options);
});

async function runYears(options: YearOptions): Promise<boolean> {
  const { seeds, from, workers, attachments, bug, driver, verbose } = options;
  const startedAt = Date.now();
  const sums = { captures: 0, powerCuts: 0, crashes: 0 };
  let failed = 0;
  const take = (report: YearReport): void => {
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += report[name];
    if (report.failures.length > 0) failed += 1;
    printYear(report, verbose);
  };
  const job = { from, seeds, attachments, driver, bug: bug?.name, verbose };
  if (workers > 1 && seeds > 1) await yearsInWorkers({ ...job, workers }, take);
  else {
    for (let seed = from; seed < from + seeds; seed++) {
      const beganAt = Date.now();
      const year = await simulateYear(seed, bug, { attachments, driver });
      take(yearReport(year, attachments, (Date.now() - beganAt) / 1_000, verbose));
    }
  }
  const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
  console.log(
    `${seeds} years, ${failed} failed: ${sums.captures} captures, ${sums.powerCuts} power cuts, ${sums.crashes} kills; ${seconds} s`,
  );
  return failed === 0;
}
