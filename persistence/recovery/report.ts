/** What became of a database file. */
export interface DatabaseRecovery {
  /** False: the file is sound. Nothing was changed, and all else is empty. */
  readonly damaged: boolean;
  /** Copies of the damaged file and of what lay beside it, byte for byte. Lading never deletes them. */
  readonly quarantine: readonly string[];
  /** Events that were found and kept. */
  readonly events: number;
  readonly streams: {
    readonly whole: number;
    /** What came after `keptVersion` is lost. */
    readonly cut: readonly { readonly stream: string; readonly keptVersion: number }[];
    /** Not kept: sidecars bring back what was never sent, and sync brings back the rest. */
    readonly lost: readonly string[];
  };
  /** Changes that the backend had not acknowledged. */
  readonly ops: number;
  /** Tables of the app's in the same file. */
  readonly appTables: readonly RecoveredTable[];
  /** Tables, indexes, views and triggers of the app's that could not be made anew, by name. */
  readonly leftOut: readonly string[];
  /** The app's `user_version`, which is kept; null where it could not be read: it is 0 then. */
  readonly userVersion: number | null;
}

/** What became of a table of the app's that is in the same file. */
export interface RecoveredTable {
  readonly name: string;
  readonly rows: number;
  /** False: some of its rows could not be read. */
  readonly isWhole: boolean;
}
