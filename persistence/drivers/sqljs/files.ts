import { LadingError } from '../../../ports/errors.ts';

/**
 * The file system as the sql.js driver needs it: synchronous, because a commit is. Nothing is durable before a sync:
 * bytes after {@link SqlFile.sync}, names after {@link SqlFiles.syncDirectory}. Failures carry a `code` as Node's
 * `fs` has it: `ENOENT`, `ENOSPC`, `EACCES`, …
 */
export interface SqlFiles {
  /** All bytes of a file; undefined when there is none. */
  read(path: string): Uint8Array | undefined;
  /** Opens for writing. `create`: empty, whether it was there or not; `keep`: as it is, and it must be there. */
  open(path: string, mode: 'create' | 'keep'): SqlFile;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): void;
  /** No error when there is no such file. */
  remove(path: string): void;
  /** Makes the names beside `path` durable. */
  syncDirectory(path: string): void;
  /**
   * Makes the caller the only owner of the database at `path`, until it releases it or its process ends, however that
   * ends.
   * @throws {LadingError} `database_busy` while another owner lives.
   */
  lock(path: string): () => void;
}

export interface SqlFile {
  /** Writes all of `bytes`, or throws. */
  write(position: number, bytes: Uint8Array): void;
  truncate(sizeBytes: number): void;
  sync(): void;
  close(): void;
}

/** What a file system's error means for a database; `otherwise` when it is none that an app can do something about. */
export function asFileError(
  error: unknown,
  otherwise: 'commit_failed' | 'database_unopenable',
): LadingError {
  if (error instanceof LadingError) return error;
  const options = { cause: error };
  switch ((error as { readonly code?: unknown } | null)?.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LadingError(
        'disk_full',
        'The disk is full: free some space and try again.',
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LadingError(
        'database_read_only',
        'The database cannot be written: check the permissions of the file and its folder.',
        options,
      );
    default:
      return otherwise === 'commit_failed'
        ? new LadingError(
            'commit_failed',
            'The commit failed; nothing of it happened. Try again.',
            options,
          )
        : new LadingError(
            'database_unopenable',
            'The database file cannot be opened: check that its folder exists and may be written.',
            options,
          );
  }
}
