import type { SqlFile, SqlFiles } from '../../persistence/drivers/sqljs/files.ts';
import { LadingError } from '../../ports/errors.ts';
import { type SimDisk, SimDiskError, type SimFile } from './sim-disk.ts';
import { directoryOf } from './sim-names.ts';

/** Owners of databases on a disk; they die with their process, not with the disk. */
const locks = new WeakMap<SimDisk, Set<string>>();

/** A simulated disk as the sql.js driver uses one. `syncs: false` is a deliberate bug: nothing is ever durable. */
export function simSqlFiles(disk: SimDisk, { syncs = true } = {}): SqlFiles {
  return {
    read(path) {
      const file = opened(disk, path);
      if (file === undefined) return undefined;
      const bytes = new Uint8Array(file.size());
      file.readInto(bytes, 0);
      return bytes;
    },
    open(path, mode) {
      const file = disk.open(path, mode === 'create' ? 'write-or-create' : 'write');
      if (mode === 'create' && file.size() > 0) file.truncate(0);
      return asSqlFile(file, syncs);
    },
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory(path) {
      if (syncs) disk.syncDirectory(directoryOf(path));
    },
    lock(path) {
      const held = locks.get(disk) ?? new Set<string>();
      locks.set(disk, held);
      if (held.has(path)) {
        throw new LadingError('database_busy', `Another process has ${path} open.`);
      }
      held.add(path);
      return () => void held.delete(path);
    },
  };
}

function opened(disk: SimDisk, path: string): SimFile | undefined {
  try {
    return disk.open(path, 'read');
  } catch (error) {
    if (error instanceof SimDiskError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function asSqlFile(file: SimFile, syncs: boolean): SqlFile {
  return {
    write: (position, bytes) => file.write(position, bytes),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    sync() {
      if (syncs) file.sync();
    },
    close: () => file.close(),
  };
}
