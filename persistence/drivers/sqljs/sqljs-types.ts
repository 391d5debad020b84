/** The part of `sql.js` 1.16 that is used; its own types need not be installed. */
export interface SqlJsModule {
  readonly Database: new (image?: Uint8Array | null) => SqlJsDatabase;
}

export interface SqlJsDatabase {
  run(sql: string): unknown;
  prepare(sql: string): SqlJsStatement;
  iterateStatements(sql: string): Iterable<SqlJsStatement>;
  export(): Uint8Array;
  getRowsModified(): number;
  close(): void;
}

export interface SqlJsStatement {
  bind(values: (string | number | Uint8Array | null)[]): boolean;
  step(): boolean;
  get(params: null, config?: { readonly useBigInt?: boolean }): readonly unknown[];
  getColumnNames(): readonly string[];
  getSQL(): string;
  reset(): unknown;
  free(): unknown;
}
