import { oneOf, readOptions, UsageError, wholeNumber } from '../../../testing/cli/usage.ts';
import { type StoreName, storeNames } from './stores/store.ts';

export interface ChaosArguments {
  readonly store: StoreName;
  readonly files: number;
  readonly kills: number;
  readonly stops: number;
  readonly processes: number;
  /** How likely a request meets a fault. */
  readonly chance: number;
  /** Undefined: chosen by chance. */
  readonly seed: number | undefined;
  /** Helper processes send the files, where the protocol knows carriers. */
  readonly carried: boolean;
  readonly keep: boolean;
  readonly help: boolean;
}

export const HELP = `Uploads files from several processes through a network in which everything goes wrong, kills
the processes, and has it all judged from outside.

  npm run chaos -- [--remote ${storeNames.join('|')}] [--files 500] [--kills 10] [--seed N]

  --chance P      that a request meets a fault, 0 to 0.9 (default 0.3)
  --processes N   of the app, on one database (default 2)
  --stops N       times that one of them stands still for longer than its lease (default 3)
  --carried       helper processes send the files and may be killed too (http and s3)
  --keep          leaves database and bytes to look at, when something was found
  --help          this text

Exit code: 0 the judge found nothing, 1 it did, 2 the command is not right.`;

/** @throws {UsageError} for what is not in {@link HELP}. */
export function parseChaosArguments(args: readonly string[]): ChaosArguments {
  const values = readOptions(
    args,
    {
      remote: { type: 'string', default: 'tus' },
      files: { type: 'string', default: '500' },
      kills: { type: 'string', default: '10' },
      stops: { type: 'string', default: '3' },
      processes: { type: 'string', default: '2' },
      chance: { type: 'string', default: '0.3' },
      seed: { type: 'string' },
      carried: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    'npm run chaos',
  );
  const store = oneOf('remote', storeNames, values.remote);
  if (values.carried && store === 'tus') {
    throw new UsageError(
      '--carried goes with --remote http or s3: nobody carries what goes by tus.',
    );
  }
  return {
    store,
    carried: values.carried,
    files: wholeNumber('files', values.files),
    kills: wholeNumber('kills', values.kills),
    stops: wholeNumber('stops', values.stops),
    processes: wholeNumber('processes', values.processes),
    chance: chanceOf(values.chance),
    seed: values.seed === undefined ? undefined : wholeNumber('seed', values.seed),
    keep: values.keep,
    help: values.help,
  };
}

function chanceOf(text: string): number {
  const value = /^0?\.\d+$|^0$/.test(text) ? Number(text) : 1;
  if (value <= 0.9) return value;
  throw new UsageError(`--chance takes a number from 0 to 0.9, not "${text}".`);
}
