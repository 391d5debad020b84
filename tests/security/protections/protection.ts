/** One protection of contract 10, and how to take it away. */
export interface Protection {
  /** Clause of the contract. */
  readonly clause: `10.${number}`;
  /** The line of the clause that it keeps, in a few words; one of `LINES`. */
  readonly line: string;
  /** The source that holds the protection. */
  readonly file: string;
  /** Stands exactly once in `file`; replacing it removes this protection and nothing else. */
  readonly find: string;
  readonly replace: string;
  /** The test file that must fail without it. */
  readonly test: string;
}
