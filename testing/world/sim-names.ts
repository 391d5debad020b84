import type { SeededRandom } from './seeded-random.ts';
import type { SimInode } from './sim-inode.ts';

/** One change of names: atomic, also across directories, as a journaling file system does a rename. */
interface NameChange {
  readonly assignments: readonly (readonly [path: string, inode: SimInode | null])[];
  readonly directories: readonly string[];
}

/**
 * The names of a simulated disk. A name that was made, moved or removed is durable only after `sync` of its
 * directory; at a power cut each directory keeps a prefix of its unsynced changes, and a change that concerns two
 * directories is kept in both or in none. Directories themselves are durable when made.
 */
export class SimNames {
  readonly #current = new Map<string, SimInode>();
  readonly #durable = new Map<string, SimInode>();
  /** Every directory with what is directly in it. */
  readonly #directories = new Map<string, Inside>([['', emptyDirectory()]]);
  #usedBytes = 0;
  #unsynced: NameChange[] = [];

  get(path: string): SimInode | undefined {
    return this.#current.get(path);
  }

  entries(): IterableIterator<[string, SimInode]> {
    return this.#current.entries();
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** What is directly in `directory`, as paths. */
  inside(directory: string): Inside {
    return this.#directories.get(directory) ?? emptyDirectory();
  }

  /** Of all files that have a name. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A file grew or shrank; one without a name does not count. */
  resized(inode: SimInode, byBytes: number): void {
    if (inode.names > 0) this.#usedBytes += byBytes;
  }

  makeDirectory(path: string): void {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = parts.slice(0, depth).join('/');
      if (this.#directories.has(directory)) continue;
      this.#directories.set(directory, emptyDirectory());
      this.#directories.get(directoryOf(directory))?.directories.add(directory);
    }
  }

  link(path: string, inode: SimInode): void {
    this.#change([[path, inode]]);
  }

  unlink(path: string): void {
    this.#change([[path, null]]);
  }

  rename(from: string, to: string, inode: SimInode): void {
    this.#change([
      [from, null],
      [to, inode],
    ]);
  }

  /** Makes all changes in `directory` durable, and what they depend on in others. */
  sync(directory: string): void {
    const wanted = new Set([directory]);
    const needed = new Set<NameChange>();
    for (const change of this.#unsynced.toReversed()) {
      if (!change.directories.some((one) => wanted.has(one))) continue;
      needed.add(change);
      for (const one of change.directories) wanted.add(one);
    }
    for (const change of this.#unsynced) if (needed.has(change)) apply(this.#durable, change);
    this.#unsynced = this.#unsynced.filter((change) => !needed.has(change));
  }

  afterPowerCut(random: SeededRandom, keep: number): SimNames {
    const names = new Map(this.#durable);
    const closed = new Set<string>();
    for (const change of this.#unsynced) {
      const open = !change.directories.some((one) => closed.has(one));
      if (open && random.chance(keep)) apply(names, change);
      else for (const one of change.directories) closed.add(one);
    }
    const result = new SimNames();
    for (const directory of this.#directories.keys()) {
      if (directory !== '') result.makeDirectory(directory);
    }
    const survivors = new Map<SimInode, SimInode>();
    for (const [path, inode] of [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const survivor = survivors.get(inode) ?? inode.afterPowerCut(random, keep);
      survivors.set(inode, survivor);
      result.#name(path, survivor);
      result.#durable.set(path, survivor);
    }
    return result;
  }

  #change(assignments: NameChange['assignments']): void {
    const directories = [...new Set(assignments.map(([path]) => directoryOf(path)))];
    const change: NameChange = { assignments, directories };
    this.#unsynced.push(change);
    for (const [path, inode] of assignments) this.#name(path, inode);
  }

  #name(path: string, inode: SimInode | null): void {
    const before = this.#current.get(path);
    if (before !== undefined) {
      before.names -= 1;
      this.#usedBytes -= before.size;
    }
    if (inode === null) {
      this.#current.delete(path);
      this.#directories.get(directoryOf(path))?.files.delete(path);
      return;
    }
    inode.names += 1;
    this.#usedBytes += inode.size;
    this.#current.set(path, inode);
    this.#directories.get(directoryOf(path))?.files.add(path);
  }
}

interface Inside {
  readonly files: Set<string>;
  readonly directories: Set<string>;
}

function emptyDirectory(): Inside {
  return { files: new Set(), directories: new Set() };
}

/** The directory that holds `path`; the root is `''`. */
export function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function apply(names: Map<string, SimInode>, change: NameChange): void {
  for (const [path, inode] of change.assignments) {
    if (inode === null) names.delete(path);
    else names.set(path, inode);
  }
}
