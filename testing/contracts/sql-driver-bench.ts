import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';

export interface SqlDriverOpenOptions {
  /** Told before each COMMIT of an outermost transaction. */
  readonly beforeCommit?: () => void;
  readonly maxStatements?: number;
}

/** One database, and how to reach it again. */
export interface SqlDriverSetup {
  /** Opens the database, which is empty the first time; a second call before a close is a second connection. */
  readonly open: (options?: SqlDriverOpenOptions) => SqlDatabase;
  /** The bytes of the database's own file; undefined when there is none yet. */
  readonly readFile: () => Uint8Array | undefined;
  /** The bytes of every file that the database has: logs, journals, images. */
  readonly readFiles: () => readonly Uint8Array[];
  /** Replaces the database's file, which is closed. */
  readonly writeFile: (bytes: Uint8Array) => void;
  /** Opens a database in a folder that is not there. */
  readonly openInMissingFolder: () => SqlDatabase;
  /** Opens the same database for reading only, as a file without permission would be. */
  readonly openReadOnly?: () => SqlDatabase;
  readonly dispose?: () => void;
}

export interface SqlDriverTraits {
  /** Several connections may be open at once; otherwise the second is refused. */
  readonly connections: 'many' | 'one';
  /** The setup has `openReadOnly`. Default true. */
  readonly readOnly?: boolean;
  /** The library drops a byte order mark at the beginning of a text: a fault of it, told here so that it is seen. */
  readonly dropsByteOrderMark?: true;
}

/** What the parts of the suite share. */
export interface SqlBench {
  readonly open: (options?: SqlDriverOpenOptions) => SqlDatabase;
  readonly world: SqlDriverSetup;
  readonly traits: SqlDriverTraits;
}

/** The code of the error that `use` throws, its message when it has none, undefined when it throws nothing. */
export function codeOf(use: () => unknown): string | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    return error instanceof LadingError ? error.code : String(error);
  }
}
