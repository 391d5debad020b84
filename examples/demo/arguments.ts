import { parseArgs } from 'node:util';
import type { Breakage } from './messages.ts';

export interface DemoOptions {
  /** The user's files; without it the examples are used. */
  readonly directory?: string;
  readonly keep: boolean;
  /** Size of the large example. */
  readonly largeBytes: number;
  readonly breakage?: Breakage;
  /** The seed of a bad network and of several kills; undefined: one kill on a good network. */
  readonly chaosSeed?: number;
  readonly help: boolean;
}

/** What the user can put right; shown as it is, with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Captures files offline, uploads them to a real tus server, kills the app in the
middle, starts it again, and proves that nothing was lost, doubled or sent twice.

  npm run demo                     with the examples that come with the project
  npm run demo -- DIRECTORY        with the files of a directory of yours; they are
                                   only read, and go no further than this machine

  npm run demo -- --chaos          through a network in which everything goes wrong, with
                                   three kills; --seed N repeats what it did

  --keep            leaves the app's database, its bytes and the server's files
  --large-mb N      size of the large example in MB (1 to 2000, default 60)
  --break byte      changes one byte at the server before the proof: it must fail
  --break object    puts one file there twice before the proof: it must fail
  --help            this text

Exit code: 0 the proof holds, 1 it does not, 2 the command is not right.`;

/** @throws {UsageError} for what is not in {@link HELP}. */
export function parseArguments(args: readonly string[]): DemoOptions {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) {
    throw new UsageError(`One directory at most, please: ${positionals.join(', ')}.`);
  }
  const largeMb = Number(values['large-mb'] ?? '60');
  if (!Number.isInteger(largeMb) || largeMb < 1 || largeMb > 2000) {
    throw new UsageError(
      `--large-mb takes a whole number from 1 to 2000, not "${values['large-mb']}".`,
    );
  }
  const breakage = values.break;
  if (breakage !== undefined && breakage !== 'byte' && breakage !== 'object') {
    throw new UsageError(`--break takes "byte" or "object", not "${breakage}".`);
  }
  const chaosSeed = chaosSeedOf(values);
  const [directory] = positionals;
  // An empty one would be the folder where the user stands: more than was asked for.
  if (directory?.trim() === '') {
    throw new UsageError('The name of the directory is empty: name one, or leave it out.');
  }
  return {
    ...(directory === undefined ? {} : { directory }),
    ...(breakage === undefined ? {} : { breakage }),
    ...(chaosSeed === undefined ? {} : { chaosSeed }),
    keep: values.keep ?? false,
    help: values.help ?? false,
    largeBytes: largeMb * 1_000_000,
  };
}

function chaosSeedOf({
  chaos = false,
  seed,
}: {
  readonly chaos?: boolean;
  readonly seed?: string;
}) {
  if (seed !== undefined && !chaos) throw new UsageError('--seed belongs to --chaos.');
  if (!chaos) return undefined;
  if (seed === undefined) return 1 + Math.floor(Math.random() * 999_999);
  if (/^\d{1,9}$/.test(seed)) return Number(seed);
  throw new UsageError(`--seed takes a whole number, not "${seed}".`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        'large-mb': { type: 'string' },
        break: { type: 'string' },
        chaos: { type: 'boolean' },
        seed: { type: 'string' },
      },
    });
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(`${sentence.replace(/\.$/, '')}. What there is: npm run demo -- --help`);
  }
}
