import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Whether the process that once had this id is still the helper with this mark, and not a later one or a dead one: ids are
 * given away again, after a restart of the system most of all, and then to anybody. Asks another program off Linux.
 */
export async function isHelper(
  { pid, mark }: { readonly pid: number; readonly mark: string },
  system: NodeJS.Platform = process.platform,
): Promise<boolean> {
  // Others stand for whole groups of processes.
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Whoever may not be asked is somebody else's by now, or says so by its command line.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await commandOf(pid, system))?.includes(mark) ?? true;
}

/** What a process was started with: empty for one that has ended; undefined where nobody can tell. */
async function commandOf(pid: number, system: NodeJS.Platform): Promise<string | undefined> {
  if (system === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const [program, ...given] =
    system === 'win32'
      ? ['powershell.exe', '-NoProfile', '-NonInteractive', '-Command', inWindows(pid)]
      : ['ps', '-ww', '-o', 'command=', '-p', String(pid)];
  try {
    return (await run(program, given, { windowsHide: true })).stdout;
  } catch (error) {
    // A number is the answer of `ps` that there is none; else there is no such program, or it may not be used.
    return typeof (error as { readonly code?: unknown }).code === 'number' ? '' : undefined;
  }
}

const run = promisify(execFile);

function inWindows(pid: number): string {
  return `(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CommandLine`;
}
