import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildOptions, Line } from './child-options.ts';

/** One of the app's processes, as long as somebody wants it to live: killed, it is started again. */
export interface AppProcess {
  /** Everything that all of its lives said. */
  readonly lines: readonly Line[];
  /** It sees nothing that is left to do. */
  readonly isIdle: boolean;
  /** It has said that it is open, since its last start. */
  readonly isOpen: boolean;
  /** `SIGKILL`, and the next life. */
  kill(): void;
  /** `SIGSTOP`: it stands still, and nothing of it knows. */
  stop(): void;
  goOn(): void;
  /** It may capture the rest of its files, in this life and in those that follow. */
  allowRest(): void;
  /** Verify, close, end. Resolves when it is gone. */
  finish(): Promise<void>;
  /** For good. */
  end(): Promise<void>;
}

const CHILD = join(import.meta.dirname, 'child.ts');

export function startApp(
  options: ChildOptions,
  compileCache: string,
  onLine: (line: Line) => void,
): AppProcess {
  const lines: Line[] = [];
  let isOpen = false;
  let isIdle = false;
  let mayRest = false;
  let ending = false;
  let child = start();
  let gone = once(child, 'close');

  function start(): ChildProcess {
    isOpen = false;
    isIdle = false;
    const started = spawn(process.execPath, [CHILD, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache, NODE_NO_WARNINGS: '1' },
    });
    let complaint = '';
    started.stdin?.on('error', () => {}); // it is gone
    if (mayRest) started.stdin?.write('rest\n');
    started.stderr?.on('data', (bytes: Buffer) => {
      complaint = (complaint + bytes.toString()).slice(-4_000);
    });
    createInterface({ input: started.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      hear(JSON.parse(text) as Line);
    });
    started.on('close', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) {
        hear({ type: 'trouble', message: `exit ${code ?? signal}: ${complaint}` });
      }
      if (signal !== 'SIGKILL' || ending) return;
      child = start();
      gone = once(child, 'close');
    });
    return started;
  }

  function hear(line: Line): void {
    lines.push(line);
    if (line.type === 'open') isOpen = true;
    if (line.type === 'idle') isIdle = true;
    onLine(line);
  }

  return {
    lines,
    get isIdle() {
      return isIdle;
    },
    get isOpen() {
      return isOpen;
    },
    kill() {
      child.kill('SIGKILL');
      isOpen = false;
      isIdle = false;
    },
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    allowRest() {
      mayRest = true;
      child.stdin?.write('rest\n');
    },
    async finish() {
      ending = true;
      child.stdin?.write('finish\n');
      await gone;
    },
    async end() {
      ending = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await gone;
    },
  };
}
