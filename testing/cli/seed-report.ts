import type { Simulation } from '../simulator/index.ts';

/** A simulation as it is printed, and as it crosses from a worker. */
export interface SeedReport extends Omit<Simulation, 'trace'> {
  /** Empty for a seed without failures, unless asked for. */
  readonly trace: readonly string[];
}

export function seedReport(simulation: Simulation, wish?: 'with trace'): SeedReport {
  const wanted = wish === 'with trace' || simulation.failures.length > 0;
  return { ...simulation, trace: wanted ? simulation.trace() : [] };
}

const LAST_LINES = 60;
const MOST_FAILURES = 10;

export function printReport(report: SeedReport, verbose: boolean): void {
  const { seed, failures, trace, hash } = report;
  if (failures.length === 0) {
    console.log(`seed ${seed}: every oracle is content; trace ${hash.slice(0, 16)}`);
    return;
  }
  console.log(`seed ${seed} FAILED`);
  for (const { oracle, message } of failures.slice(0, MOST_FAILURES)) {
    console.log(`  ${oracle}: ${message}`);
  }
  const shown = verbose ? trace : [...aboutTheGuilty(report), '…', ...trace.slice(-LAST_LINES)];
  for (const line of shown) console.log(`  ${line}`);
  console.log(`replay: npm run simulate -- --seed ${seed} --verbose`);
}

/** Commands and crashes from before everything was mended, of the attachments that the failures name. */
function aboutTheGuilty({ failures, trace }: SeedReport): readonly string[] {
  const named = new Set(failures.flatMap(({ message }) => message.match(/\bm\d+\b/g) ?? []));
  const names = [...named].slice(0, 3);
  const end = trace.findIndex((line) => line.includes('all is mended'));
  return trace
    .slice(0, end < 0 ? undefined : end)
    .filter((line) => {
      const words = line.split(/\W+/);
      return /KILLED|POWER CUT/.test(line) || names.some((name) => words.includes(name));
    })
    .slice(-LAST_LINES);
}
