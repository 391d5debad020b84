import type { Year } from '../simulator/year/simulate-year.ts';

/** A year as it is printed, and as it crosses from a worker. */
export interface YearReport extends Omit<Year, 'trace'> {
  /** Captures that were asked for: part of the replay. */
  readonly wanted: number;
  readonly seconds: number;
  /** Empty for a year without failures, unless asked for. */
  readonly trace: readonly string[];
}

export function yearReport(
  year: Year,
  wanted: number,
  seconds: number,
  withTrace: boolean,
): YearReport {
  const { trace, ...rest } = year;
  const isShown = withTrace || year.failures.length > 0;
  return { ...rest, wanted, seconds, trace: isShown ? trace() : [] };
}

const MOST_FAILURES = 12;
const MOST_LINES = 120;

/** One line for a sound year; for another one the failures, what happened to whom they name, and how to replay it. */
export function printYear(report: YearReport, verbose: boolean): void {
  const { seed, failures, trace, hash, wanted } = report;
  if (verbose) for (const line of trace) console.log(line);
  const isSound = failures.length === 0;
  console.log(
    `seed ${seed}: ${said(report)}; ${isSound ? `every oracle is content; trace ${hash.slice(0, 16)}` : 'FAILED'}`,
  );
  if (isSound) return;
  for (const { oracle, message } of failures.slice(0, MOST_FAILURES)) {
    console.log(`  ${oracle}: ${message}`);
  }
  if (failures.length > MOST_FAILURES) console.log(`  … ${failures.length} complaints in all`);
  for (const line of verbose ? [] : aboutTheGuilty(report)) console.log(`  ${line}`);
  console.log(`replay: npm run year -- --from ${seed} --seeds 1 --attachments ${wanted} --verbose`);
}

function said(report: YearReport): string {
  const { attachments, captures, removes, powerCuts, crashes } = report;
  const { files, objects, lastFreed, streams, events, seconds } = report;
  return [
    `${attachments} attachments of ${captures} captures`,
    `${removes} let go`,
    `${powerCuts} power cuts and ${crashes} kills`,
    `${lastFreed.files} files freed by the last collection`,
    `${files} files`,
    `${objects} objects`,
    `${events} events in ${streams} streams`,
    `${seconds.toFixed(1)} s`,
  ].join(', ');
}

/** What people did, and what happened, to the attachments that the failures name. */
function aboutTheGuilty({ failures, trace }: YearReport): readonly string[] {
  const named = new Set(failures.flatMap(({ message }) => message.match(/\bm\d+\b/g) ?? []));
  const names = [...named].slice(0, 3);
  return trace
    .filter((line) => {
      const words = line.split(/\W+/);
      return names.some((name) => words.includes(name));
    })
    .slice(0, MOST_LINES);
}
