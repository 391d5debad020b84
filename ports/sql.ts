/** What SQLite stores and JavaScript holds alike in every driver: no bigint, boolean, Date or undefined. */
export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Statements inside a transaction: what `inTransaction` callbacks and field projections get. Positional `?` only. */
export interface SqlTransaction {
  /** Runs one statement; returns the number of rows changed. */
  run(sql: string, ...params: readonly SqlValue[]): number;
  get(sql: string, ...params: readonly SqlValue[]): SqlRow | undefined;
  all(sql: string, ...params: readonly SqlValue[]): readonly SqlRow[];
}

/**
 * One synchronous connection to a SQLite database: the driver port.
 * A statement outside `transaction` is durable when it returns (WAL, synchronous=FULL).
 */
export interface SqlDatabase extends SqlTransaction {
  /** Runs statements without parameters; for schema and pragmas. */
  exec(sql: string): void;
  /**
   * `BEGIN IMMEDIATE … COMMIT`; nested calls are savepoints. Durable on return.
   * @throws {LadingError} `database_busy` when another connection holds the write lock.
   * @throws whatever `run` throws, after a rollback; `run` must not return a promise.
   */
  transaction<T>(run: () => T): T;
  /** Runs `query` on one state of the database, whatever other connections commit meanwhile. */
  read<T>(query: () => T): T;
  /** Whether a transaction is open that can still be committed. */
  readonly inTransaction: boolean;
  close(): void;
}
