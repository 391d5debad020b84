import { type PlantedBug, plantedBugs } from '../simulator/index.ts';
import { type SimDriver, simDrivers } from '../world/sim-driver.ts';
import { oneOf, readOptions, UsageError, wholeNumber } from './usage.ts';

export interface SimulateOptions {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  /** Only this one. */
  readonly seed: number | undefined;
  readonly bug: PlantedBug | undefined;
  readonly driver: SimDriver;
  readonly planted: boolean;
  readonly powerCuts: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

export const HELP = `Lives through seeded worlds with power cuts, crashes and lost replies, and asks every oracle.

  npm run simulate -- [--seeds 200] [--from 1] [--workers 1]
  npm run simulate -- --seed 7 [--verbose]       one seed again, with all that happened
  npm run simulate -- --planted [--seeds 200]    how many seeds each planted bug takes
  npm run simulate -- --power-cuts               the power goes at every sync of one life

  --driver sql.js   on the sql.js driver instead of SQLite's own wasm
  --driver node     on Node's SQLite, whose commits are durable as a whole: faster
  --bug NAME        plants a bug: an oracle must notice
  --help            this text

Exit code: 0 every oracle is content, 1 one is not or a planted bug was not found,
2 the command is not right.`;

/** @throws {UsageError} for what is not in {@link HELP}. */
export function parseSimulateArguments(args: readonly string[]): SimulateOptions {
  const values = readOptions(
    args,
    {
      seeds: { type: 'string', default: '200' },
      seed: { type: 'string' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: '1' },
      bug: { type: 'string' },
      driver: { type: 'string', default: 'sqlite-wasm' },
      planted: { type: 'boolean', default: false },
      'power-cuts': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    'npm run simulate',
  );
  return {
    seeds: wholeNumber('seeds', values.seeds),
    from: wholeNumber('from', values.from),
    workers: wholeNumber('workers', values.workers),
    seed: values.seed === undefined ? undefined : wholeNumber('seed', values.seed),
    bug: values.bug === undefined ? undefined : plantedBug(values.bug),
    driver: oneOf('driver', simDrivers, values.driver),
    planted: values.planted,
    powerCuts: values['power-cuts'],
    verbose: values.verbose,
    help: values.help,
  };
}

function plantedBug(name: string): PlantedBug {
  const found = plantedBugs.find((bug) => bug.name === name);
  if (found !== undefined) return found;
  const names = plantedBugs.map((bug) => bug.name).join(', ');
  throw new UsageError(`No bug is called "${name}". There are: ${names}.`);
}
