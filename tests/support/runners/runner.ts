import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunnerCommand, RunnerLine, RunnerOptions } from './child.ts';

/** One process on a database that others use too. */
export interface RunnerProcess {
  readonly lines: readonly RunnerLine[];
  tell(command: RunnerCommand): void;
  /** The first line of this type, said already or yet to come, of this attachment where one is named. */
  said<T extends RunnerLine['type']>(
    type: T,
    id?: string,
  ): Promise<Extract<RunnerLine, { type: T }>>;
  count(type: RunnerLine['type'], id?: string): number;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** It is gone, however it came. */
  readonly gone: Promise<unknown>;
}

const CHILD = join(import.meta.dirname, 'child.ts');

export function startRunner(options: RunnerOptions): RunnerProcess {
  const child: ChildProcess = spawn(process.execPath, [CHILD, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const lines: RunnerLine[] = [];
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of Array.from(waiting)) one();
  };
  child.stdin?.on('error', () => {}); // it is gone
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    lines.push(JSON.parse(text) as RunnerLine);
    look();
  });
  const gone = once(child, 'close');

  const isMeant = (line: RunnerLine, type: string, id: string | undefined): boolean =>
    line.type === type && (id === undefined || ('id' in line && line.id === id));
  return {
    lines,
    tell: (command) => void child.stdin?.write(`${JSON.stringify(command)}\n`),
    said: <T extends RunnerLine['type']>(type: T, id?: string) =>
      new Promise<Extract<RunnerLine, { type: T }>>((resolve) => {
        const check = (): void => {
          const found = lines.find((line) => isMeant(line, type, id));
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found as Extract<RunnerLine, { type: T }>);
        };
        waiting.add(check);
        check();
      }),
    count: (type, id) => lines.filter((line) => isMeant(line, type, id)).length,
    signal: (name) => void child.kill(name),
    gone,
  };
}
