import type { HeaderReader } from './retry-after.ts';
import { PORTAL, STATUSES, type Verdict } from './statuses.ts';

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

/** One row of a classification table (contract 4.4): to which answers it applies, and what they mean. */
export interface Row<Phase extends string> {
  readonly phases: readonly Phase[];
  /** One, or all from the first to the last. */
  readonly status: number | readonly [number, number];
  /** Absent: whatever else the answer says. */
  readonly when?: Condition;
  /** Null is success. */
  readonly means: Verdict | null;
}

/** The first row that fits speaks. A table ends with rows that take everything. */
export function verdictBy<Phase extends string>(
  table: readonly Row<Phase>[],
  phase: Phase,
  seen: Seen,
): Verdict | null {
  const row = table.find((one) => fits(one, phase, seen));
  if (row === undefined) return PORTAL;
  return row.means === OTHER_REFUSAL ? ['terminal', `http_${seen.status}`] : row.means;
}

/** A refusal that no other row knows. */
export const OTHER_REFUSAL: Verdict = ['terminal', 'http_<status>'];

/** {@link STATUSES} as rows, for requests of these kinds. */
export function statusRows<Phase extends string>(phases: readonly Phase[]): readonly Row<Phase>[] {
  return Object.entries(STATUSES).map(([status, means]) => ({
    phases,
    status: Number(status),
    means,
  }));
}

function fits<Phase extends string>(row: Row<Phase>, phase: Phase, seen: Seen): boolean {
  const [first, last] = typeof row.status === 'number' ? [row.status, row.status] : row.status;
  return (
    row.phases.includes(phase) &&
    seen.status >= first &&
    seen.status <= last &&
    (row.when === undefined || row.when.holds(seen))
  );
}
