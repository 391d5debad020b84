import type { SeededRandom } from './seeded-random.ts';
import { SimInode } from './sim-inode.ts';
import { directoryOf, SimNames } from './sim-names.ts';

/** What changes a disk; reading does not count. */
export type DiskOperation =
  | 'create'
  | 'write'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'sync'
  | 'syncDirectory';

export interface SimDiskOptions {
  /** Decides what a power cut leaves. */
  readonly random: SeededRandom;
  /** Bytes that fit; more is `ENOSPC`. Default: no limit. */
  readonly capacityBytes?: number;
  /** For modification times. Default: always 0. */
  readonly now?: () => number;
}

/** An error as Node's `fs` throws it: `code` is `ENOENT`, `EEXIST`, `ENOSPC`, `EBADF`, `EIO`, … */
export class SimDiskError extends Error {
  override readonly name = 'SimDiskError';
  readonly code: string;

  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${operation} '${path}'`);
    this.code = code;
  }
}

/** Told once, in the middle of the operation at which the power went. */
export type OnPowerCut = (next: SimDisk) => void;

interface PlannedCut {
  readonly counter: 'operations' | 'syncs';
  readonly at: number;
  readonly when: 'before' | 'after';
  readonly onCut: OnPowerCut;
}

/**
 * The disk of one simulated device. What programs read is always the newest state; what a power cut leaves is only
 * what was synced, plus what chance kept: sectors of unsynced writes (torn), a prefix of each directory's unsynced
 * names. This synchronous face serves SQLite; {@link diskPort} is the asynchronous one for blobs.
 */
export class SimDisk {
  readonly #options: SimDiskOptions;
  readonly #boot: number;
  #names: SimNames;
  #operations = 0;
  #syncs = 0;
  #planned: PlannedCut | undefined;
  #next: SimDisk | undefined;
  /** Bytes that fit; may be changed at any time. */
  capacityBytes: number;
  /** Makes an operation fail with the code it returns, before it had any effect. */
  fault: ((operation: DiskOperation, path: string) => string | undefined) | undefined;

  constructor(
    options: SimDiskOptions,
    restored?: { readonly names: SimNames; readonly boot: number },
  ) {
    this.#options = options;
    this.#names = restored?.names ?? new SimNames();
    this.#boot = restored?.boot ?? 1;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Changing operations so far, syncs included. */
  get operations(): number {
    return this.#operations;
  }

  /** Syncs of files and directories so far. */
  get syncs(): number {
    return this.#syncs;
  }

  /** The power is gone: every further operation throws `EIO`. */
  get isDark(): boolean {
    return this.#next !== undefined;
  }

  /** 1 for the first disk, one more after each power cut. */
  get boot(): number {
    return this.#boot;
  }

  get usedBytes(): number {
    return this.#names.usedBytes;
  }

  /** Cuts the power at the `count`-th operation from now on; `when` is chosen by the seed unless given. */
  cutAtOp(count: number, onCut: OnPowerCut, when?: 'before' | 'after'): void {
    this.#plan('operations', this.#operations + count, onCut, when);
  }

  /** Cuts the power at the `count`-th sync from now on, before or after it took effect. */
  cutAtSync(count: number, onCut: OnPowerCut, when?: 'before' | 'after'): void {
    this.#plan('syncs', this.#syncs + count, onCut, when);
  }

  /** Cuts the power now, or gives the disk that an earlier cut left: always the same one. */
  powerCut(): SimDisk {
    if (this.#next === undefined) {
      const random = this.#options.random.fork(`power cut ${this.#boot}`);
      // One cut in seven each keeps nothing, or all, of what was not synced; the others something in between.
      const extreme = random.next();
      const keep = extreme < 1 / 7 ? 0 : extreme > 6 / 7 ? 1 : random.next();
      const names = this.#names.afterPowerCut(random, keep);
      this.#next = new SimDisk(
        { ...this.#options, capacityBytes: this.capacityBytes },
        { names, boot: this.#boot + 1 },
      );
    }
    return this.#next;
  }

  /** @throws {SimDiskError} `ENOENT` | `EEXIST` | `EISDIR` | `ENOSPC` */
  open(path: string, mode: 'read' | 'create' | 'write' | 'write-or-create'): SimFile {
    this.#powered('open', path);
    const name = checkedPath(path);
    const found = this.#names.get(name);
    if (found !== undefined) {
      if (mode === 'create') throw new SimDiskError('EEXIST', 'open', name);
      return new SimFile(this, name, found, mode !== 'read');
    }
    if (this.#names.isDirectory(name)) throw new SimDiskError('EISDIR', 'open', name);
    if (mode === 'read' || mode === 'write' || !this.#names.isDirectory(directoryOf(name))) {
      throw new SimDiskError('ENOENT', 'open', name);
    }
    const inode = new SimInode();
    this.perform('create', name, () => {
      inode.modifiedAt = this.#now();
      this.#names.link(name, inode);
    });
    return new SimFile(this, name, inode, true);
  }

  exists(path: string): boolean {
    this.#powered('access', path);
    return this.#names.get(checkedPath(path)) !== undefined;
  }

  rename(from: string, to: string): void {
    const [source, target] = [checkedPath(from), checkedPath(to)];
    this.#powered('rename', source);
    const inode = this.#names.get(source);
    if (inode === undefined || !this.#names.isDirectory(directoryOf(target))) {
      throw new SimDiskError('ENOENT', 'rename', source);
    }
    if (source === target) return;
    this.perform('rename', source, () => this.#names.rename(source, target, inode));
  }

  /** No error when there is no such file. */
  remove(path: string): void {
    const name = checkedPath(path);
    this.#powered('remove', name);
    if (this.#names.get(name) === undefined) return;
    this.perform('remove', name, () => this.#names.unlink(name));
  }

  makeDirectory(path: string): void {
    this.#powered('makeDirectory', path);
    if (path !== '') this.#names.makeDirectory(checkedPath(path));
  }

  syncDirectory(path: string): void {
    const name = path === '' ? '' : checkedPath(path);
    this.perform('syncDirectory', name, () => this.#names.sync(name));
  }

  /** Files and directories directly in `path`, by name. */
  list(path: string): readonly SimEntry[] {
    this.#powered('list', path);
    const inside = path === '' ? '' : checkedPath(path);
    const { files: paths, directories: below } = this.#names.inside(inside);
    const files = Array.from(paths, (name) => {
      const { size = 0, modifiedAt = 0 } = this.#names.get(name) ?? {};
      return entry(name, false, size, modifiedAt);
    });
    const directories = Array.from(below, (name) => entry(name, true, 0, 0));
    return [...files, ...directories].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Every file with its newest bytes, also when the power is gone: for oracles. */
  contents(): ReadonlyMap<string, Uint8Array> {
    return new Map(
      this.#files().map(([path]) => [path, this.bytesOf(path) ?? new Uint8Array(0)] as const),
    );
  }

  /** The newest bytes of one file, also when the power is gone: for oracles. */
  bytesOf(path: string): Uint8Array | undefined {
    const inode = this.#names.get(checkedPath(path));
    if (inode === undefined) return undefined;
    const bytes = new Uint8Array(inode.size);
    inode.readInto(bytes, 0);
    return bytes;
  }

  /** Turns over one bit of a file, durably, as a failing medium does. */
  corrupt(path: string, position: number): void {
    const inode = this.#names.get(checkedPath(path));
    const byte = new Uint8Array(1);
    if (inode === undefined || inode.readInto(byte, position) === 0) {
      throw new SimDiskError('ENOENT', 'corrupt', path);
    }
    const wasSynced = inode.isSynced;
    inode.write(position, Uint8Array.of((byte[0] ?? 0) ^ 1));
    if (wasSynced) inode.sync();
  }

  /** Counts and carries out one operation: the place where faults, and the planned power cut, strike. */
  perform(operation: DiskOperation, path: string, effect: () => void): void {
    this.#powered(operation, path);
    const isSync = operation === 'sync' || operation === 'syncDirectory';
    this.#operations += 1;
    if (isSync) this.#syncs += 1;
    this.#strike('before', isSync, operation, path);
    const code = this.fault?.(operation, path);
    if (code !== undefined) throw new SimDiskError(code, operation, path);
    effect();
    this.#strike('after', isSync, operation, path);
  }

  /** Writes what fits. @throws {SimDiskError} `ENOSPC` when that is not all. */
  write(path: string, inode: SimInode, position: number, bytes: Uint8Array): void {
    const growth = Math.max(0, position + bytes.byteLength - inode.size);
    const free = Number.isFinite(this.capacityBytes)
      ? Math.max(0, this.capacityBytes - this.usedBytes)
      : growth;
    const fitting =
      growth <= free ? bytes : bytes.subarray(0, Math.max(0, bytes.byteLength - growth + free));
    this.perform('write', path, () => {
      const before = inode.size;
      inode.write(position, fitting);
      inode.modifiedAt = this.#now();
      this.#names.resized(inode, inode.size - before);
    });
    if (fitting.byteLength < bytes.byteLength) throw new SimDiskError('ENOSPC', 'write', path);
  }

  truncate(path: string, inode: SimInode, size: number): void {
    this.perform('truncate', path, () => {
      const before = inode.size;
      inode.truncate(size);
      this.#names.resized(inode, size - before);
    });
  }

  #strike(when: 'before' | 'after', isSync: boolean, operation: string, path: string): void {
    const cut = this.#planned;
    if (cut === undefined || cut.when !== when) return;
    if (cut.counter === 'syncs' && !isSync) return;
    if ((cut.counter === 'syncs' ? this.#syncs : this.#operations) < cut.at) return;
    this.#planned = undefined;
    const next = this.powerCut();
    cut.onCut(next);
    throw new SimDiskError('EIO', `power cut at ${operation}`, path);
  }

  #plan(
    counter: PlannedCut['counter'],
    at: number,
    onCut: OnPowerCut,
    when: 'before' | 'after' | undefined,
  ): void {
    const chosen = this.#options.random.fork(`cut at ${counter} ${at} of boot ${this.#boot}`);
    this.#planned = { counter, at, onCut, when: when ?? chosen.pick(['before', 'after']) };
  }

  #powered(operation: string, path: string): void {
    if (this.isDark) throw new SimDiskError('EIO', `no power: ${operation}`, path);
  }

  #files(): [string, SimInode][] {
    return [...this.#names.entries()];
  }

  #now(): number {
    return this.#options.now?.() ?? 0;
  }
}

export interface SimEntry {
  readonly name: string;
  readonly directory: boolean;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** An open file; stays readable and writable after its name was removed. */
export class SimFile {
  readonly #disk: SimDisk;
  readonly #inode: SimInode;
  readonly #writable: boolean;
  readonly path: string;
  #open = true;

  constructor(disk: SimDisk, path: string, inode: SimInode, writable: boolean) {
    this.#disk = disk;
    this.path = path;
    this.#inode = inode;
    this.#writable = writable;
  }

  size(): number {
    this.#usable('stat', false);
    return this.#inode.size;
  }

  /** Fills `target` from `position`; returns how many bytes there were. */
  readInto(target: Uint8Array, position: number): number {
    this.#usable('read', false);
    return this.#inode.readInto(target, position);
  }

  write(position: number, bytes: Uint8Array): void {
    this.#usable('write', true);
    this.#disk.write(this.path, this.#inode, position, bytes);
  }

  truncate(size: number): void {
    this.#usable('truncate', true);
    this.#disk.truncate(this.path, this.#inode, size);
  }

  sync(): void {
    this.#usable('sync', false);
    this.#disk.perform('sync', this.path, () => this.#inode.sync());
  }

  close(): void {
    this.#open = false;
  }

  #usable(operation: string, writing: boolean): void {
    if (this.#disk.isDark) throw new SimDiskError('EIO', `no power: ${operation}`, this.path);
    if (!this.#open || (writing && !this.#writable)) {
      throw new SimDiskError('EBADF', operation, this.path);
    }
  }
}

/** Relative, with `/`, without empty, `.` or `..` parts: everything else is a bug of the caller. */
function checkedPath(path: string): string {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new TypeError(`not a relative path: '${path}'`);
  }
  return path;
}

function entry(path: string, directory: boolean, sizeBytes: number, modifiedAt: number): SimEntry {
  return { name: path.slice(path.lastIndexOf('/') + 1), directory, sizeBytes, modifiedAt };
}
