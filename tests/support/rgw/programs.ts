import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROGRAMS = ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];

/** What a cluster needs and this machine has not. Debian: ceph-mon ceph-osd radosgw ceph-common. */
export function missingPrograms(): readonly string[] {
  return PROGRAMS.filter((name) => !isInstalled(name));
}

/** A daemon that does not outlive who started it, where the system can see to that. */
export function startDaemon(program: string, args: readonly string[], log: string): ChildProcess {
  const bound = isInstalled('setpriv') ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  const [command = program, ...rest] = [...bound, program, ...args];
  const out = openSync(log, 'a');
  return spawn(command, rest, { stdio: ['ignore', out, out] });
}

/** @throws {Error} with the end of what the program printed, or when it was stopped. */
export async function run(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(program, args, { stdio: [...stdio], timeout: 60_000, signal });
  child.on('error', () => {}); // told by `close`
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-2_000);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code ?? 'a signal'}: ${printed}`);
}

export async function stopDaemon(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL'); // its data goes with it
  await gone;
}

export function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
