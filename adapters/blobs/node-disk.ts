import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Disk, DiskEntry, DiskFile } from '../../ports/disk.ts';
import { LadingError } from '../../ports/errors.ts';

/**
 * A directory of this machine as a {@link Disk}. `baseDirectory` is created when something is first made in it.
 *
 * Paths are relative, with `/`; what would leave the base is refused with {@link LadingError} `invalid_id`
 * (contract 10.1). Symbolic links inside the base are the owner's business and are followed.
 * Windows cannot sync a directory: there a rename is as durable as the file system makes it.
 */
export function nodeDisk(baseDirectory: string): Disk {
  const base = resolve(baseDirectory);
  const at = (path: string): string => (path === '.' ? base : join(base, ...checked(path)));
  /** Directories whose names are durable, or being made so. */
  const durable = new Map<string, Promise<void>>();

  return {
    async open(path, mode) {
      const flags =
        mode === 'read'
          ? constants.O_RDONLY
          : constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;
      return diskFile(await open(at(path), flags, 0o600));
    },
    async rename(from, to) {
      await rename(at(from), at(to));
    },
    async sizeOf(path) {
      return (await stat(at(path)).catch(absentAs(undefined)))?.size;
    },
    async remove(path) {
      await unlink(at(path)).catch(absentAs(undefined));
    },
    list: (path) => entries(at(path)),
    async makeDirectory(path) {
      const target = at(path);
      const first = await mkdir(target, { recursive: true, mode: 0o700 });
      // One that was there may be new all the same: another write made it, or a process that was killed before its sync.
      let synced = first === undefined ? durable.get(target) : undefined;
      if (synced === undefined) {
        synced = syncChain(base, target, first);
        durable.set(target, synced);
        synced.catch(() => durable.delete(target));
      }
      await synced;
    },
    async syncDirectory(path) {
      await syncDirectory(at(path));
    },
    pathOf: at,
  };
}

/**
 * Makes names durable from `target` up to the base, and further up to `first`, the topmost one that was just made.
 * Each name lives in its parent.
 */
async function syncChain(base: string, target: string, first: string | undefined): Promise<void> {
  const top = first !== undefined && `${base}/`.startsWith(`${resolve(first)}/`) ? first : base;
  for (let made = target; ; made = dirname(made)) {
    const isOurs = made !== base || first !== undefined;
    await syncDirectory(dirname(made)).catch((error: unknown) => {
      // The base was there: whoever made it may keep its parent to himself.
      if (isOurs) throw error;
    });
    if (made === resolve(top) || made === dirname(made)) return;
  }
}

/** The parts of a relative path, none of which leads out of the base. */
function checked(path: string): readonly string[] {
  const parts = path.split('/');
  const bad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || UNSAFE.test(part),
  );
  if (bad) {
    throw new LadingError(
      'invalid_id',
      'A path inside a blob store must be relative, without "..", backslash, colon or control characters.',
      { details: { length: path.length } },
    );
  }
  return parts;
}

/** Control characters, and what Windows reads as a separator, drive or stream. */
const UNSAFE = /[\p{Cc}\\:]/u;

function diskFile(handle: FileHandle): DiskFile {
  return {
    async read(position, length) {
      const buffer = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    async append(bytes) {
      let written = 0;
      while (written < bytes.byteLength) {
        written += (await handle.write(bytes, written, bytes.byteLength - written)).bytesWritten;
      }
    },
    sync: () => handle.sync(),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

async function entries(directory: string): Promise<readonly DiskEntry[]> {
  const found: DiskEntry[] = [];
  for (const name of await readdir(directory).catch(absentAs<string[]>([]))) {
    const facts = await stat(join(directory, name)).catch(absentAs(undefined));
    if (facts === undefined) continue; // removed since it was listed
    found.push({
      name,
      directory: facts.isDirectory(),
      sizeBytes: facts.size,
      modifiedAt: Math.round(facts.mtimeMs),
    });
  }
  return found;
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absentAs<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}
