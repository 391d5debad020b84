import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import { seededRandom } from './seeded-random.ts';
import { SimDisk, SimDiskError, type SimFile } from './sim-disk.ts';
import { directoryOf } from './sim-names.ts';

/** One database's files on one disk, as one process has them open. */
export interface VfsSession {
  /** What SQLite must be told instead of `path`. */
  filename(path: string): string;
  /** From here on nothing that SQLite does reaches the disk; its locks are free. False when it was dead already. */
  die(): boolean;
}

export interface SimVfs {
  readonly name: string;
  session(disk: SimDisk): VfsSession;
}

type Pointer = Parameters<Sqlite3Static['wasm']['cstrToJs']>[0];

interface Session {
  readonly disk: SimDisk;
  readonly scratch: SimDisk;
  alive: boolean;
}

interface OpenFile {
  readonly session: Session;
  readonly file: SimFile;
  readonly path: string;
  readonly deleteOnClose: boolean;
  /** As SQLite's unix VFS: the first sync of a new journal or WAL also syncs its directory. */
  syncDirectoryToo: boolean;
}

const NAME = 'lading-sim';

/**
 * SQLite's own view of simulated disks: a VFS without shared memory, so WAL needs `locking_mode=exclusive`.
 * Another session that holds a file makes it busy. Sector size and power-safe overwrite are what the disk keeps.
 */
export function installSimVfs(sqlite3: Sqlite3Static): SimVfs {
  const { capi, wasm } = sqlite3;
  const sessions = new Map<string, Session>();
  const files = new Map<Pointer, OpenFile>();
  const locks = new WeakMap<SimDisk, Map<string, Session>>();
  let opened = 0;

  const locate = (zName: Pointer): { readonly session: Session; readonly path: string } => {
    const [, id = '', ...parts] = wasm.cstrToJs(zName)?.split('/') ?? [];
    const session = sessions.get(id);
    if (session === undefined) throw new SimDiskError('ENOENT', 'open', parts.join('/'));
    return { session, path: parts.join('/') };
  };
  const opens = (pointer: Pointer): OpenFile => {
    const file = files.get(pointer);
    if (file === undefined) throw new SimDiskError('EBADF', 'use', String(pointer));
    if (!file.session.alive) throw new SimDiskError('EIO', 'dead process', file.path);
    return file;
  };
  const locksOf = (disk: SimDisk): Map<string, Session> => {
    const found = locks.get(disk) ?? new Map<string, Session>();
    locks.set(disk, found);
    return found;
  };
  const unlock = (pointer: Pointer): void => {
    const open = files.get(pointer);
    if (open === undefined) return;
    const held = locksOf(open.session.disk);
    if (held.get(open.path) === open.session) held.delete(open.path);
  };

  const io = new capi.sqlite3_io_methods();
  io['$iVersion' as keyof typeof io] = 1 as never;
  const vfs = new capi.sqlite3_vfs();
  const fallback = new capi.sqlite3_vfs(capi.sqlite3_vfs_find(null));
  Object.assign(vfs, {
    $iVersion: 2,
    $szOsFile: structSize(capi.sqlite3_file),
    $mxPathname: 1024,
    $xRandomness: fallback['$xRandomness' as keyof typeof fallback],
    $xSleep: fallback['$xSleep' as keyof typeof fallback],
  });
  fallback.dispose();

  /** Runs `work`; what it throws becomes a result code, a full disk always the one for it. */
  const answered = (failure: number, work: () => number | undefined): never => {
    try {
      return (work() ?? capi.SQLITE_OK) as never;
    } catch (error) {
      if (!(error instanceof SimDiskError)) throw error;
      return (error.code === 'ENOSPC' ? capi.SQLITE_FULL : failure) as never;
    }
  };

  sqlite3.vfs.installVfs({
    io: {
      struct: io,
      methods: {
        xClose: (pointer) =>
          answered(capi.SQLITE_IOERR_CLOSE, () => {
            const open = files.get(pointer);
            unlock(pointer);
            files.delete(pointer);
            open?.file.close();
            if (open?.deleteOnClose) open.session.scratch.remove(open.path);
            return undefined;
          }),
        xRead: (pointer, target, length, offset) =>
          answered(capi.SQLITE_IOERR_READ, () => {
            const heap = wasm.heap8u().subarray(toNumber(target), toNumber(target) + length);
            const got = opens(pointer).file.readInto(heap, toNumber(offset));
            if (got === length) return undefined;
            heap.fill(0, got);
            return capi.SQLITE_IOERR_SHORT_READ;
          }),
        xWrite: (pointer, source, length, offset) =>
          answered(capi.SQLITE_IOERR_WRITE, () => {
            const heap = wasm.heap8u().subarray(toNumber(source), toNumber(source) + length);
            opens(pointer).file.write(toNumber(offset), heap);
            return undefined;
          }),
        xTruncate: (pointer, size) =>
          answered(capi.SQLITE_IOERR_TRUNCATE, () => {
            opens(pointer).file.truncate(toNumber(size));
            return undefined;
          }),
        xSync: (pointer) =>
          answered(capi.SQLITE_IOERR_FSYNC, () => {
            const open = opens(pointer);
            open.file.sync();
            if (open.syncDirectoryToo) open.session.disk.syncDirectory(directoryOf(open.path));
            open.syncDirectoryToo = false;
            return undefined;
          }),
        xFileSize: (pointer, out) =>
          answered(capi.SQLITE_IOERR_FSTAT, () => {
            wasm.poke64(out, BigInt(opens(pointer).file.size()));
            return undefined;
          }),
        xLock: (pointer) =>
          answered(capi.SQLITE_IOERR_LOCK, () => {
            const { session, path } = opens(pointer);
            const held = locksOf(session.disk);
            const holder = held.get(path);
            if (holder !== undefined && holder !== session) return capi.SQLITE_BUSY;
            held.set(path, session);
            return undefined;
          }),
        xUnlock: (pointer, level) => {
          if (level === capi.SQLITE_LOCK_NONE) unlock(pointer);
          return 0;
        },
        xCheckReservedLock: (_pointer, out) => {
          wasm.poke32(out, 0);
          return 0;
        },
        xFileControl: () => capi.SQLITE_NOTFOUND,
        xSectorSize: () => 4096 as never,
        xDeviceCharacteristics: () =>
          (capi.SQLITE_IOCAP_POWERSAFE_OVERWRITE |
            capi.SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN) as never,
      },
    },
    vfs: {
      struct: vfs,
      name: NAME,
      methods: {
        xOpen: (_vfs, zName, pFile, flags, pOutFlags) =>
          answered(capi.SQLITE_CANTOPEN, () => {
            const open = zName ? openNamed(locate(zName), flags) : openScratch();
            files.set(pFile, open);
            const struct = new capi.sqlite3_file(pFile);
            struct.$pMethods = io.pointer;
            struct.dispose();
            if (pOutFlags) wasm.poke32(pOutFlags, flags);
            return undefined;
          }),
        xDelete: (_vfs, zName, syncDirectory) =>
          answered(capi.SQLITE_IOERR_DELETE, () => {
            const { session, path } = living(locate(zName));
            session.disk.remove(path);
            if (syncDirectory) session.disk.syncDirectory(directoryOf(path));
            return undefined;
          }),
        xAccess: (_vfs, zName, _flags, pOut) =>
          answered(capi.SQLITE_IOERR_ACCESS, () => {
            const { session, path } = living(locate(zName));
            wasm.poke32(pOut, session.disk.exists(path) ? 1 : 0);
            return undefined;
          }),
        xFullPathname: (_vfs, zName, length, pOut) =>
          wasm.cstrncpy(pOut, zName, length) < length ? 0 : capi.SQLITE_CANTOPEN,
        xGetLastError: () => 0 as never,
        xCurrentTime: (_vfs, pOut) => {
          wasm.poke(pOut, JULIAN_EPOCH_DAYS, 'double');
          return 0;
        },
        xCurrentTimeInt64: (_vfs, pOut) => {
          wasm.poke(pOut, BigInt(JULIAN_EPOCH_DAYS * 86_400_000) as never, 'i64');
          return 0;
        },
      },
    },
  });

  function openNamed(place: { readonly session: Session; readonly path: string }, flags: number) {
    const { session, path } = living(place);
    const creates = (flags & capi.SQLITE_OPEN_CREATE) !== 0;
    const mode = creates ? 'write-or-create' : 'write';
    const isJournal = flags & (capi.SQLITE_OPEN_MAIN_JOURNAL | capi.SQLITE_OPEN_WAL);
    return {
      session,
      path,
      file: session.disk.open(path, mode),
      deleteOnClose: false,
      // As SQLite on Unix: also one that is there may have been made by somebody who died before he synced its name.
      syncDirectoryToo: creates && isJournal !== 0,
    };
  }

  /** SQLite's nameless temporary files: no power cut concerns them. */
  function openScratch(): OpenFile {
    const scratch = new SimDisk({ random: seededRandom('scratch') });
    const session: Session = { disk: scratch, scratch, alive: true };
    const path = 'scratch';
    const file = scratch.open(path, 'create');
    return { session, path, file, deleteOnClose: true, syncDirectoryToo: false };
  }

  return {
    name: NAME,
    session(disk) {
      const id = `s${opened++}`;
      const session: Session = { disk, scratch: disk, alive: true };
      sessions.set(id, session);
      return {
        filename: (path) => `/${id}/${path}`,
        die() {
          if (!session.alive) return false;
          session.alive = false;
          sessions.delete(id);
          const held = locksOf(disk);
          for (const [path, holder] of held) if (holder === session) held.delete(path);
          return true;
        },
      };
    },
  };
}

/** 1970-01-01 as a Julian day: SQL's own clock stands still in the simulated world. */
const JULIAN_EPOCH_DAYS = 2_440_587.5;

function living<T extends { readonly session: Session; readonly path: string }>(place: T): T {
  if (!place.session.alive) throw new SimDiskError('EIO', 'dead process', place.path);
  return place;
}

/** 64-bit arguments arrive as bigint, whatever the package's types say; no simulated file is that large. */
function toNumber(value: unknown): number {
  return Number(value);
}

function structSize(struct: unknown): number {
  return (struct as { readonly structInfo: { readonly sizeof: number } }).structInfo.sizeof;
}
