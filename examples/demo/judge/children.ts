import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A process of the demo, reached over its channel. */
export interface Child<Message, Command> {
  send(command: Command): void;
  onMessage(listener: (message: Message) => void): void;
  /** The first message from now on that `pick` makes something of. Rejects when the process ends before, or is silent. */
  next<T extends object | string | number | true>(
    what: string,
    pick: (message: Message) => T | undefined,
  ): Promise<T>;
  /** `SIGKILL`: no handler runs, nothing is flushed. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

export interface Children {
  start<Message, Command>(name: string, script: string, orders: object): Child<Message, Command>;
  /** Ctrl-C was pressed. */
  readonly interrupted: boolean;
  /** Rejects on Ctrl-C. */
  readonly interruption: Promise<never>;
  /** Leaves no process behind. */
  close(): Promise<void>;
}

/** How long a process may be silent; while bytes move, it is not. */
const PATIENCE_MS = 60_000;

export function startChildren(): Children {
  const running = new Set<ChildProcess>();
  const stop = Promise.withResolvers<never>();
  stop.promise.catch(() => {}); // nobody may be waiting when it comes
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    stop.reject(new Error('Stopped: nothing is left running.'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);

  return {
    get interrupted() {
      return interrupted;
    },
    interruption: stop.promise,
    start(name, script, orders) {
      const child = fork(join(import.meta.dirname, '..', script), [JSON.stringify(orders)], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        // The warnings of a preview feature of an old Node are no part of the story.
        execArgv: ['--disable-warning=ExperimentalWarning'],
      });
      running.add(child);
      child.once('exit', () => running.delete(child));
      return wrap(name, child, stop.promise);
    },
    async close() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      await Promise.all([...running].map(killed));
    },
  };
}

function wrap<Message, Command>(
  name: string,
  child: ChildProcess,
  interruption: Promise<never>,
): Child<Message, Command> {
  let complaint = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-4_000);
  });
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>;

  return {
    send: (command) => void child.send(command as object),
    onMessage: (listener) => void child.on('message', (message) => listener(message as Message)),
    next<T extends object | string | number | true>(
      what: string,
      pick: (message: Message) => T | undefined,
    ) {
      const found = Promise.withResolvers<T>();
      let timer: NodeJS.Timeout | undefined;
      const waitOn = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          const silent = `nothing was heard of the ${name} for ${PATIENCE_MS / 1_000} seconds`;
          found.reject(new Error(`${what}: ${silent}.`));
        }, PATIENCE_MS);
      };
      const onMessage = (message: unknown): void => {
        waitOn();
        const problem = problemOf(message);
        if (problem !== undefined) found.reject(new Error(`The ${name} says: ${problem}`));
        const picked = pick(message as Message);
        if (picked !== undefined) found.resolve(picked);
      };
      child.on('message', onMessage);
      waitOn();
      const onExit = (code: number | null, signal: string | null): void => {
        const reason = `The ${name} ended (${signal ?? code}) before this: ${what}.`;
        found.reject(new Error(complaint === '' ? reason : `${reason}\n${complaint}`));
      };
      child.once('exit', onExit);
      return Promise.race([found.promise, interruption]).finally(() => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
      });
    },
    kill: () => killed(child),
    ended: async () => (await exit)[0],
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function problemOf(message: unknown): string | undefined {
  const { type, text } = message as { readonly type?: unknown; readonly text?: unknown };
  return type === 'problem' ? String(text) : undefined;
}
