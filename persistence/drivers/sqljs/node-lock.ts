import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { LadingError } from '../../../ports/errors.ts';
import { crc32 } from './crc32.ts';

/** Who holds a lock: enough to tell whether it lives, also after its process id was given to another process. */
interface Owner {
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Makes this process the only owner of the database at `path`, by a file of its own beside it: first it is made, then
 * the others are looked at. Two that come at the same time may both be refused, and never both succeed. A file whose
 * owner is dead is removed; its name can not be another's, so nobody's lock is removed by mistake.
 * @returns releases it.
 * @throws {LadingError} `database_busy` while another owner lives, in this process too.
 */
export function lockForProcess(path: string): () => void {
  const folder = dirname(path);
  const prefix = `${basename(path)}-lading-lock-`;
  const mine = makeOwnFile(join(folder, prefix));
  try {
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      if (!name.startsWith(prefix) || file === mine) continue;
      if (isAlive(ownerOf(name.slice(prefix.length)))) throw busy(file);
      rmSync(file, { force: true });
    }
  } catch (error) {
    rmSync(mine, { force: true });
    throw error;
  }
  return () => rmSync(mine, { force: true });
}

function makeOwnFile(prefix: string): string {
  const { host, boot, pid, startedAt } = thisProcess();
  for (let count = 1; ; count++) {
    const path = `${prefix}${host}-${boot}-${pid}-${startedAt}-${count}`;
    try {
      closeSync(openSync(path, 'wx'));
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function thisProcess(): Owner {
  return {
    host: short(hostname()),
    boot: bootId(),
    pid: process.pid,
    startedAt: startOf(process.pid) ?? UNKNOWN,
  };
}

function ownerOf(text: string): Owner | undefined {
  const [host = '', boot = '', pid = '', startedAt = ''] = text.split('-');
  return /^\d+$/.test(pid) ? { host, boot, pid: Number(pid), startedAt } : undefined;
}

/** Whoever cannot be asked counts as alive: two owners would destroy each other's commits. */
function isAlive(owner: Owner | undefined): boolean {
  const here = thisProcess();
  if (owner === undefined || owner.host !== here.host) return true;
  if (owner.boot !== here.boot) return false; // the machine was started anew since
  const startedAt = startOf(owner.pid);
  if (startedAt !== undefined) return startedAt === owner.startedAt;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

const UNKNOWN = '0';

/** When a process began, in ticks since the machine did; undefined where the system does not tell, or it is gone. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name of the command stands in brackets, and may hold anything; the 20th field after it is the start.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function bootId(): string {
  const id = read('/proc/sys/kernel/random/boot_id');
  return id === undefined ? UNKNOWN : short(id);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not Linux, or no such process
  }
}

function short(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16);
}

function busy(file: string): LadingError {
  return new LadingError(
    'database_busy',
    `Another process, or another handle of this one, has the database open: sql.js has a single owner. Close it there; if it died on another machine, remove ${file}.`,
  );
}
