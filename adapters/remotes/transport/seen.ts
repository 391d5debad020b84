import type { HeaderReader } from './retry-after.ts';

/** What a table looks at: the answer, and what was asked. */
export interface Seen {
  readonly status: number;
  readonly headers: HeaderReader;
  /** The beginning of the answer's body: a protocol code where the status is not enough. */
  readonly body: string;
  /** What was asked. */
  readonly url: string;
  /** Milliseconds since 1970, by the clock of this device; undefined where nobody knows. */
  readonly nowMs: number | undefined;
}

/** What besides the status makes a row fit, and how a page says so. */
export interface Condition {
  readonly words: string;
  readonly holds: (seen: Seen) => boolean;
}
