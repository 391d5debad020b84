import type { Fault } from '../../../machines/attachment/types.ts';
import { htmlPage, leadsAway, leadsToLogin } from '../transport/conditions.ts';
import type { HeaderReader } from '../transport/retry-after.ts';
import type { Condition } from '../transport/seen.ts';
import { faultOfVerdict, MEANT_BY_PROXIES, PORTAL } from '../transport/statuses.ts';
import { OTHER_REFUSAL, type Row, refusalRows, statusRows, verdictBy } from '../transport/table.ts';

/** Which request was answered. The same status means different things to different requests (contract 4.4). */
export type TusPhase = 'create' | 'head' | 'patch' | 'delete' | 'get';

export interface TusHints {
  /** For a `Retry-After` date, where the answer itself has no `Date`. */
  readonly nowMs?: number;
  /** The beginning of the answer's body: a protocol code where the status is not enough. */
  readonly body?: string;
  /** What was asked. */
  readonly url?: string;
}

const ALL = ['create', 'head', 'patch', 'delete', 'get'] as const;
/** Plain HTTP is what a download is; all else speaks tus. */
const OF_TUS = ['create', 'head', 'patch', 'delete'] as const;

const speaksTus: Condition = {
  words: 'with `Tus-Resumable`',
  holds: ({ headers }) => headers.get('Tus-Resumable') !== null,
};
const foreign: Condition = {
  words: 'without `Tus-Resumable`',
  holds: (seen) => !speaksTus.holds(seen),
};
/** Proxies answer some statuses themselves, with pages of their own, and mean them. */
const foreignPage: Condition = {
  words: 'an HTML page without `Tus-Resumable`, where no proxy means it (401, 408, 413, 429)',
  holds: (seen) =>
    htmlPage.holds(seen) && foreign.holds(seen) && !MEANT_BY_PROXIES.has(seen.status),
};
/** `@tus/server` ends a PATCH so when another request asks for its lock: nothing is wrong with the bytes. */
const lockTaken: Condition = {
  words: 'the body says that the request was aborted',
  holds: ({ body }) => /abort/i.test(body),
};

/**
 * What an answer of a tus server means (contract 4.4); the first row that fits speaks.
 *
 * An answer without `Tus-Resumable` that claims success, redirects, or is an HTML page, did not come from the remote
 * but from something in between (field case 36).
 */
export const tusTable: readonly Row<TusPhase>[] = [
  { phases: OF_TUS, status: [200, 299], when: foreign, means: PORTAL },
  { phases: OF_TUS, status: [200, 299], when: htmlPage, means: PORTAL },
  { phases: ALL, status: [200, 299], means: null },
  { phases: OF_TUS, status: [300, 399], when: speaksTus, means: ['terminal', 'redirect_refused'] },
  { phases: OF_TUS, status: [300, 399], when: leadsAway, means: PORTAL },
  { phases: ALL, status: [300, 399], when: leadsToLogin, means: ['auth', 'login_required'] },
  { phases: OF_TUS, status: [300, 399], means: PORTAL },
  { phases: ['get'], status: [300, 399], means: ['terminal', 'redirect_refused'] },
  { phases: OF_TUS, status: [400, 499], when: foreignPage, means: PORTAL },
  {
    phases: ['create', 'patch'],
    status: 400,
    when: lockTaken,
    means: ['retryable', 'interrupted'],
  },
  ...refusalRows(ALL),
  ...[404, 410].flatMap((status): Row<TusPhase>[] => [
    { phases: ['create'], status, means: ['terminal', 'endpoint_missing'] },
    { phases: ['head', 'patch'], status, means: ['resume_lost', 'upload_gone'] },
    { phases: ['delete'], status, means: null }, // there is nothing left to remove
    { phases: ['get'], status, means: ['absent', 'remote_missing'] },
  ]),
  { phases: ['create'], status: 409, means: ['terminal', 'conflict'] },
  // The next run asks where the server stands.
  { phases: ['patch'], status: 409, means: ['retryable', 'offset_conflict'] },
  { phases: ['head', 'delete', 'get'], status: 409, means: ['retryable', 'conflict'] },
  { phases: ALL, status: 412, means: ['terminal', 'protocol_version_refused'] },
  { phases: ALL, status: 460, means: ['terminal', 'checksum_refused'] },
  ...statusRows(ALL),
  { phases: ALL, status: [500, 599], means: ['retryable', 'server_error'] },
  { phases: ALL, status: [400, 499], means: OTHER_REFUSAL },
  // A browser hides a redirect behind the status 0; and what else there may be is no HTTP.
  { phases: ALL, status: [0, 999], means: PORTAL },
];

const WORDS: Readonly<Record<TusPhase, string>> = {
  create: 'the creation of an upload',
  head: 'the question how far an upload is',
  patch: 'the bytes of an upload',
  delete: 'the removal of an upload',
  get: 'a download',
};

/** What an answer means, by {@link tusTable}. Pure. `null` is success. */
export function classifyTus(
  phase: TusPhase,
  status: number,
  headers: HeaderReader,
  hints: TusHints = {},
): Fault | null {
  const { body = '', url = '', nowMs } = hints;
  const verdict = verdictBy(tusTable, phase, { status, headers, body, url, nowMs });
  return verdict === null
    ? null
    : faultOfVerdict(verdict, { status, headers }, WORDS[phase], nowMs);
}
