import { clockSkewed, credentialsExpired, tokenInvalid, urlExpired } from './conditions.ts';
import type { Condition, Seen } from './seen.ts';
import { PORTAL, STATUSES, type Verdict } from './statuses.ts';

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

/**
 * Credentials that are over rather than wrong: new ones help, and so does a clock that is set. The 403 that none of them
 * explains is a true one (field case 39).
 */
export function refusalRows<Phase extends string>(phases: readonly Phase[]): readonly Row<Phase>[] {
  return [
    { phases, status: 400, when: credentialsExpired, means: ['auth', 'credentials_expired'] },
    { phases, status: 403, when: tokenInvalid, means: ['auth', 'token_invalid'] },
    { phases, status: 403, when: credentialsExpired, means: ['auth', 'credentials_expired'] },
    { phases, status: 403, when: urlExpired, means: ['auth', 'url_expired'] },
    { phases, status: 403, when: clockSkewed, means: ['auth', 'clock_skewed'] },
  ];
}

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
