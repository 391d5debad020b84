import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTusUploadId } from '../../../adapters/remotes/tus-ids.ts';

/** The tus server's process, and what lies in its directory: the judge asks nobody who was killed. */
export interface ChaosServer {
  readonly endpoint: string;
  /** Every upload in its directory, complete or not. */
  objects(): Promise<readonly ServerObject[]>;
  /** Ends the process without warning and starts another one at the same port. */
  killAndRestart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerObject {
  readonly name: string;
  readonly mediaId: string;
  readonly complete: boolean;
}

const SCRIPT = join(import.meta.dirname, '..', 'tus-process.ts');

export async function startServer(directory: string, compileCache: string): Promise<ChaosServer> {
  let { child, port } = await start(0);

  async function start(at: number): Promise<{ child: ChildProcess; port: number }> {
    const started = spawn(process.execPath, [SCRIPT, directory, String(at)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    });
    const [line] = (await once(started.stdout ?? started, 'data')) as [Buffer];
    return { child: started, port: Number(line.toString()) };
  }

  async function kill(): Promise<void> {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  return {
    endpoint: `http://127.0.0.1:${port}/files`,
    async objects() {
      const names = (await readdir(directory)).filter((name) => !name.endsWith('.json'));
      const found = await Promise.all(names.map((name) => objectOf(directory, name)));
      return found.filter((object) => object !== undefined);
    },
    async killAndRestart() {
      await kill();
      ({ child, port } = await start(port));
    },
    stop: kill,
  };
}

/** Undefined when it went meanwhile: the server may still be carrying out what a dead client asked for. */
async function objectOf(directory: string, name: string): Promise<ServerObject | undefined> {
  const mediaId = parseTusUploadId(name)?.mediaId ?? `not ours: ${name}`;
  const file = await stat(join(directory, name)).catch(unlessGone);
  if (file === undefined) return undefined;
  const facts = await readFile(join(directory, `${name}.json`), 'utf8').catch(() => '{}');
  const { size } = JSON.parse(facts === '' ? '{}' : facts) as { readonly size?: number };
  return { name, mediaId, complete: size === file.size };
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
