import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseSimulateArguments } from '../../testing/cli/simulate-arguments.ts';
import { UsageError } from '../../testing/cli/usage.ts';
import { parseYearArguments } from '../../testing/cli/year-arguments.ts';
import { parseKillArguments } from '../support/engine-chaos/arguments.ts';

const SIMULATE = fileURLToPath(new URL('../../testing/cli/simulate.ts', import.meta.url));
const YEAR = fileURLToPath(new URL('../../testing/cli/year.ts', import.meta.url));
const KILL = fileURLToPath(new URL('../support/engine-chaos/main.ts', import.meta.url));

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'it was taken';
}

describe('the arguments of npm run simulate, year and kill', () => {
  it.each(['abc', '0', '-1', '1.5', '', ' ', '1e3', '0x10', '9'.repeat(20), 'Infinity'])(
    'a number of 1 or more, not %j',
    (text) => {
      for (const option of ['seeds', 'from', 'workers', 'seed']) {
        expect(refusal(() => parseSimulateArguments([`--${option}=${text}`]))).toBe(
          `--${option} takes a whole number of 1 or more, not "${text}".`,
        );
      }
      for (const option of ['seeds', 'from', 'workers', 'attachments']) {
        expect(refusal(() => parseYearArguments([`--${option}=${text}`]))).toBe(
          `--${option} takes a whole number of 1 or more, not "${text}".`,
        );
      }
      for (const option of ['kills', 'seed', 'per-point', 'lanes']) {
        expect(refusal(() => parseKillArguments([`--${option}=${text}`]))).toBe(
          `--${option} takes a whole number of 1 or more, not "${text}".`,
        );
      }
    },
  );

  it.each(['x', '-0.1', '1.1', ''])('a share of server kills, not %j', (text) => {
    expect(refusal(() => parseKillArguments([`--server-kills=${text}`]))).toMatch(/from 0 to 1/);
  });

  it.each([
    [['--nonsense']],
    [['word']],
    [['--seeds', '-5']],
    [['--kills', '-5']],
    [['--verbose=x']],
  ])('nothing that is not there: %j', (args) => {
    for (const parse of [parseSimulateArguments, parseYearArguments, parseKillArguments]) {
      const sentence = refusal(() => parse(args));
      expect(sentence).toMatch(/What there is: npm run (simulate|year|kill) -- --help$/);
      expect(sentence.split('\n')).toHaveLength(1);
    }
  });

  it('no bug that nobody planted', () => {
    for (const parse of [parseSimulateArguments, parseYearArguments]) {
      expect(refusal(() => parse(['--bug', 'x']))).toMatch(/^No bug is called "x"/);
    }
  });

  it('no driver that there is not', () => {
    for (const parse of [parseSimulateArguments, parseYearArguments]) {
      expect(refusal(() => parse(['--driver', 'x']))).toBe(
        '--driver takes sqlite-wasm, sql.js, node, not "x".',
      );
    }
  });

  it('what is right is taken, the rest is the default', () => {
    expect(parseSimulateArguments(['--seeds', '3', '--workers', '2'])).toMatchObject({
      seeds: 3,
      from: 1,
      workers: 2,
      seed: undefined,
      help: false,
    });
    expect(parseYearArguments(['--from', '7', '--attachments', '500'])).toMatchObject({
      seeds: 10,
      from: 7,
      workers: 2,
      attachments: 500,
      driver: 'node',
    });
    expect(parseKillArguments(['--kills=30', '--server-kills', '0'])).toMatchObject({
      kills: 30,
      perPoint: 3,
      serverKills: 0,
    });
  });

  it.each([
    ['simulate', SIMULATE],
    ['year', YEAR],
    ['kill', KILL],
  ])('%s ends with code 2 and one sentence, and with 0 after --help', async (name, file) => {
    const wrong = await endOf(file, '--nonsense');
    expect(wrong).toMatchObject({ code: 2, output: '' });
    expect(wrong.errors.trim().split('\n')).toHaveLength(1);
    const help = await endOf(file, '--help');
    expect(help).toMatchObject({ code: 0, errors: '' });
    expect(help.output).toContain(`npm run ${name} -- [`);
  });
});

interface Ending {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

function endOf(file: string, ...args: readonly string[]): Promise<Ending> {
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors });
    });
  });
}
