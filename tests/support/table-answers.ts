import {
  clockSkewed,
  conditionalConflict,
  credentialsExpired,
  digestRefused,
  htmlPage,
  leadsAway,
  leadsToLogin,
  tokenInvalid,
  urlExpired,
} from '../../adapters/remotes/transport/conditions.ts';
import type { Condition } from '../../adapters/remotes/transport/seen.ts';
import type { Row } from '../../adapters/remotes/transport/table.ts';

/** What a server has to say, and what has to be asked, for a condition to hold. */
export interface Example {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Put behind the url that is asked. */
  readonly query?: string;
}

const conditionExamples = new Map<Condition, Example>([
  [htmlPage, { headers: { 'Content-Type': 'text/html' }, body: '<h1>Welcome to the hotel</h1>' }],
  [leadsAway, { headers: { Location: 'http://portal.invalid/welcome' } }],
  [leadsToLogin, { headers: { Location: '/login?next=%2F' } }],
  [tokenInvalid, { headers: { 'WWW-Authenticate': 'Bearer realm="x", error="invalid_token"' } }],
  [credentialsExpired, { body: '<Error><Code>ExpiredToken</Code></Error>' }],
  [urlExpired, { query: '?X-Amz-Date=20200101T000000Z&X-Amz-Expires=900' }],
  [clockSkewed, { body: '<Error><Code>RequestTimeTooSkewed</Code></Error>' }],
  [digestRefused, { body: '{"type":"https://iana.example/#digest-mismatching-values"}' }],
  [conditionalConflict, { body: '<Code>ConditionalRequestConflict</Code>' }],
]);

export interface TableAnswer<Phase extends string> extends Example {
  /** A sentence for the title of a test. */
  readonly title: string;
  readonly row: Row<Phase>;
  readonly phase: Phase;
  readonly status: number;
}

/**
 * One answer for each row and each kind of request that it speaks for.
 * @param more examples of the table's own conditions.
 * @throws where a condition has no example, or a row can never speak.
 */
export function answersOf<Phase extends string>(
  table: readonly Row<Phase>[],
  more: ReadonlyMap<Condition, Example> = new Map(),
): readonly TableAnswer<Phase>[] {
  return table.flatMap((row, index) => {
    const example = row.when && (more.get(row.when) ?? conditionExamples.get(row.when));
    if (row.when !== undefined && example === undefined) {
      throw new Error(`no example of an answer with: ${row.when.words}`);
    }
    return row.phases.flatMap((phase): TableAnswer<Phase>[] => {
      const before = table.slice(0, index).filter((one) => one.phases.includes(phase));
      const status = statusesOf(row).find(
        (one) =>
          !before.some(
            (other) =>
              statusesOf(other).includes(one) &&
              (other.when === undefined || other.when === row.when),
          ),
      );
      if (status === undefined) return []; // a row before it says the same of this kind of request
      const means = row.means?.join(' ') ?? 'success';
      const when = row.when === undefined ? '' : `, ${row.when.words},`;
      const title = `${status}${when} to ${phase} means ${means}`;
      return [{ title, row, phase, status, ...(example ?? plain(status)) }];
    });
  });
}

/** What belongs to a status. */
function plain(status: number): Example {
  if (status >= 300 && status < 400) return { headers: { Location: '/elsewhere' } };
  return status === 200 ? { headers: { 'Content-Length': '0' } } : {};
}

function statusesOf({ status }: Row<string>): readonly number[] {
  if (typeof status === 'number') return [status];
  const [first, last] = status;
  // Those first that servers say most, among them one for each success.
  const all = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  return [...COMMON.filter((one) => one >= first && one <= last), ...all];
}

const COMMON = [200, 302, 503, 451, 600];
