import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildOptions } from './child-options.ts';
import type { KillAt, Line } from './points.ts';

/** How one life of the child shall end: by its own hand at a point, by the judge's after a time, or by itself. */
export type Fate =
  | { readonly kind: 'point'; readonly at: KillAt }
  | { readonly kind: 'time'; readonly afterMs: number }
  | { readonly kind: 'none' };

export interface Life {
  readonly end: 'killed' | 'finished' | 'broken';
  /** Everything that it said, in order; what it did not get to say did not happen for the judge. */
  readonly lines: readonly Line[];
  /** Since its `opening` line. */
  readonly lifeMs: number;
}

const CHILD = join(import.meta.dirname, 'child.ts');
/** A child that says nothing at all for this long is broken. */
const SILENCE_MS = 40_000;

/**
 * Runs the child once.
 * @param compileCache directory that spares all lives but the first the work of compiling: 0.7 s of 0.9 s.
 * It is dead, and its pipe read to the end, when this resolves. */
export function live(
  options: Omit<ChildOptions, 'killAt'>,
  fate: Fate,
  compileCache: string,
): Promise<Life> {
  const killAt = fate.kind === 'point' ? fate.at : null;
  const argument = JSON.stringify({ ...options, killAt } satisfies ChildOptions);
  const child = spawn(process.execPath, [CHILD, argument], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  const lines: Line[] = [];
  let openedAtMs = performance.now();
  let complaint = '';
  let timer: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      complaint += 'said nothing any more\n';
      child.kill('SIGKILL');
    }, SILENCE_MS);
  };
  heard();
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    heard();
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.type !== 'opening') return;
    openedAtMs = performance.now();
    if (fate.kind === 'time') timer = setTimeout(() => child.kill('SIGKILL'), fate.afterMs);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      clearTimeout(silence);
      const lifeMs = performance.now() - openedAtMs;
      const meant = signal === 'SIGKILL' && fate.kind !== 'none' && complaint === '';
      if (!meant && code !== 0) {
        lines.push({ type: 'trouble', message: `exit ${code ?? signal}: ${complaint}` });
      }
      const end = meant ? 'killed' : code === 0 ? 'finished' : 'broken';
      resolve({ end, lines, lifeMs });
    });
  });
}
