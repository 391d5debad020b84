import { type YearBug, yearBugs } from '../simulator/year/year-bugs.ts';
import { type SimDriver, simDrivers } from '../world/sim-driver.ts';
import { oneOf, readOptions, UsageError, wholeNumber } from './usage.ts';

export interface YearOptions {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly attachments: number;
  readonly bug: YearBug | undefined;
  readonly driver: SimDriver;
  readonly verbose: boolean;
  readonly help: boolean;
}

export const YEAR_HELP = `Lives through whole years of two devices, cleans up, and asks whether exactly what is needed is left.

  npm run year -- [--seeds 10] [--from 1] [--attachments 20000] [--workers 2]
  npm run year -- --from 7 --seeds 1 --verbose   one year again, with all that happened

  --driver sqlite-wasm   SQLite on simulated bytes instead of Node's own: about twice as slow
  --bug NAME             plants a bug: an oracle must notice
  --help                 this text

Exit code: 0 every oracle is content, 1 one is not, 2 the command is not right.`;

/** @throws {UsageError} for what is not in {@link YEAR_HELP}. */
export function parseYearArguments(args: readonly string[]): YearOptions {
  const values = readOptions(
    args,
    {
      seeds: { type: 'string', default: '10' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      attachments: { type: 'string', default: '20000' },
      bug: { type: 'string' },
      driver: { type: 'string', default: 'node' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    'npm run year',
  );
  const { bug } = values;
  return {
    seeds: wholeNumber('seeds', values.seeds),
    from: wholeNumber('from', values.from),
    workers: wholeNumber('workers', values.workers),
    attachments: wholeNumber('attachments', values.attachments),
    bug: bug === undefined ? undefined : namedBug(bug),
    driver: oneOf('driver', simDrivers, values.driver),
    verbose: values.verbose,
    help: values.help,
  };
}

function namedBug(name: string): YearBug {
  const found = yearBugs.find((bug) => bug.name === name);
  if (found !== undefined) return found;
  const names = yearBugs.map((bug) => bug.name).join(', ');
  throw new UsageError(`No bug is called "${name}". There are: ${names}.`);
}
