import { readOptions, UsageError, wholeNumber } from '../../../testing/cli/usage.ts';
import type { DriverName } from '../drivers.ts';

export interface KillOptions {
  readonly driver: DriverName;
  readonly kills: number;
  /** Undefined: chosen by chance. */
  readonly seed: number | undefined;
  readonly perPoint: number;
  readonly lanes: number;
  /** The share of kills that also kill the server. */
  readonly serverKills: number;
  readonly keep: boolean;
  readonly help: boolean;
}

export const HELP = `Kills the whole engine on real parts, at named points and at random, judged from outside.

  npm run kill -- [--driver node|better-sqlite3|sqljs] [--kills 300] [--seed N]

  --per-point N      kills at each named point (default 3)
  --lanes N          databases at the same time (default 2)
  --server-kills P   share of kills that also kill the server, 0 to 1 (default 0.15)
  --keep             leaves the databases and bytes to look at
  --help             this text

Exit code: 0 the judge found nothing, 1 it did, 2 the command is not right.`;

/** @throws {UsageError} for what is not in {@link HELP}. */
export function parseKillArguments(args: readonly string[]): KillOptions {
  const values = readOptions(
    args,
    {
      driver: { type: 'string', default: 'node' },
      kills: { type: 'string', default: '300' },
      seed: { type: 'string' },
      'per-point': { type: 'string', default: '3' },
      lanes: { type: 'string', default: '2' },
      'server-kills': { type: 'string', default: '0.15' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    'npm run kill',
  );
  return {
    driver: driverNamed(values.driver),
    kills: wholeNumber('kills', values.kills),
    seed: values.seed === undefined ? undefined : wholeNumber('seed', values.seed),
    perPoint: wholeNumber('per-point', values['per-point']),
    lanes: wholeNumber('lanes', values.lanes),
    serverKills: share('server-kills', values['server-kills']),
    keep: values.keep,
    help: values.help,
  };
}

function driverNamed(name: string): DriverName {
  switch (name) {
    case 'node':
    case 'node:sqlite':
      return 'node:sqlite';
    case 'sqljs':
    case 'sql.js':
      return 'sql.js';
    case 'better-sqlite3':
      return name;
    default:
      throw new UsageError(`--driver takes node, better-sqlite3 or sqljs, not "${name}".`);
  }
}

function share(option: string, text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new UsageError(`--${option} takes a number from 0 to 1, not "${text}".`);
}
