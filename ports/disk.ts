/**
 * A file system as far as bytes at rest need one. Paths are relative, with `/`; the disk has a root of its own.
 * Nothing is durable before its `sync`: a file's bytes after `DiskFile.sync`, a name (create, rename, remove)
 * after `syncDirectory` of the directory that holds it.
 */
export interface Disk {
  /**
   * `read`: the file must exist. `create`: it must not; parent directories must.
   * @throws an error with `code` `'ENOENT'`, `'EEXIST'`, `'ENOSPC'`, `'EACCES'` …, as Node's `fs` does.
   */
  open(path: string, mode: 'read' | 'create'): Promise<DiskFile>;
  /** Bytes of a file; undefined where there is none. Left out: it is opened to be asked. */
  sizeOf?(path: string): Promise<number | undefined>;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): Promise<void>;
  /** No error when there is no such file. */
  remove(path: string): Promise<void>;
  /** Files directly in `path`, in no order; none when there is no such directory. */
  list(path: string): Promise<readonly DiskEntry[]>;
  /** Creates `path` and its parents, durably. */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** What others than this disk call the file: a path of the platform. Left out where there is none. */
  pathOf?(path: string): string;
}

export interface DiskEntry {
  readonly name: string;
  readonly directory: boolean;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

export interface DiskFile {
  /** Up to `length` bytes from `position`; fewer at the end, none past it. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Appends all of `bytes`. */
  append(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}
