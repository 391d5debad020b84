import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { judge, readTold } from './judge.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

export interface Plan {
  /** The point and its occurrence at which the next process kills itself; undefined: it lives. */
  readonly at?: { readonly label: string; readonly occurrence: number } | undefined;
  /** Killed from outside after this time. */
  readonly killAfterMs?: number | undefined;
}

export interface Verdict {
  readonly kills: number;
  readonly repeatedEffects: number;
  readonly points: ReadonlyMap<string, number>;
  readonly wrong: readonly string[];
}

/** Starts processes on one file until one lives to the end, and judges the file after each. */
export async function trial(file: string, plan: (round: number) => Plan): Promise<Verdict> {
  const lines: string[] = [];
  for (let round = 0; round < 200; round++) {
    const { killed, code, said, errors } = await run(file, plan(round));
    lines.push(...said);
    const told = readTold(lines);
    const wrong = await judge(file, told, !killed);
    if (!killed && code !== 0) return verdict(round, lines, [`exit code ${code}: ${errors}`]);
    if (wrong.length > 0 || !killed) return verdict(round, lines, wrong);
  }
  return verdict(200, lines, ['it never came to an end']);
}

function verdict(kills: number, lines: readonly string[], wrong: readonly string[]): Verdict {
  const { effects } = readTold(lines);
  const last = lines.findLast((line) => line.startsWith('points '));
  return {
    kills,
    wrong,
    repeatedEffects: effects.length - new Set(effects).size,
    points: new Map(last === undefined ? [] : (JSON.parse(last.slice(7)) as [string, number][])),
  };
}

interface Run {
  readonly killed: boolean;
  readonly code: number | null;
  readonly said: readonly string[];
  readonly errors: string;
}

function run(file: string, { at, killAfterMs }: Plan): Promise<Run> {
  return new Promise((resolve) => {
    const point = at === undefined ? [] : [at.label, String(at.occurrence)];
    const child = spawn(process.execPath, [CHILD, file, ...point], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    });
    let [said, errors] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (said += text.toString()));
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    const timer =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const whole = said.slice(0, said.lastIndexOf('\n') + 1);
      resolve({
        killed: signal === 'SIGKILL',
        code,
        said: whole.split('\n').filter((line) => line !== ''),
        errors: errors.slice(0, 2_000),
      });
    });
  });
}
