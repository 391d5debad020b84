import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ServerProcess {
  readonly origin: string;
  stop(): void;
}

/** Starts `server.ts` on a port of its own; what it takes lies in a folder below this one. */
export async function startServer(folder: string): Promise<ServerProcess> {
  const directory = await mkdtemp(join(folder, 'server-'));
  const child = spawn(process.execPath, [SERVER, directory], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return { origin: `http://127.0.0.1:${await portOf(child)}`, stop: () => void child.kill() };
}

const SERVER = fileURLToPath(new URL('./server.ts', import.meta.url));

function portOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(String(line).trim()));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}
