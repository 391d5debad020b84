import type { Fault } from '../../../machines/attachment/types.ts';
import {
  conditionalConflict,
  digestRefused,
  htmlPage,
  leadsAway,
  leadsToLogin,
} from '../transport/conditions.ts';
import type { Answer } from '../transport/exchange.ts';
import { faultOfVerdict, PORTAL } from '../transport/statuses.ts';
import { OTHER_REFUSAL, type Row, refusalRows, statusRows, verdictBy } from '../transport/table.ts';

/** Which request was answered: that with the bytes, one that looks for the object, a removal, a download. */
export type HttpPhase = 'send' | 'look' | 'remove' | 'get';

const ALL = ['send', 'look', 'remove', 'get'] as const;

/**
 * What an answer of a plain HTTP server means (contract 4.4); the first row that fits speaks. A fault of the class
 * `absent` is an answer: there is no such object. What is done about 409 and 412 beside this: the object is looked for,
 * and the same content is success.
 */
export const httpTable: readonly Row<HttpPhase>[] = [
  { phases: ['send', 'look', 'remove'], status: [200, 299], when: htmlPage, means: PORTAL },
  { phases: ALL, status: [200, 299], means: null },
  { phases: ['send', 'look', 'remove'], status: [300, 399], when: leadsAway, means: PORTAL },
  { phases: ALL, status: [300, 399], when: leadsToLogin, means: ['auth', 'login_required'] },
  { phases: ALL, status: [300, 399], means: ['terminal', 'redirect_refused'] },
  {
    phases: ['send'],
    status: 400,
    when: digestRefused,
    means: ['retryable', 'checksum_refused'],
  },
  ...refusalRows(ALL),
  ...[404, 410].flatMap((status): Row<HttpPhase>[] => [
    { phases: ['send'], status, means: ['terminal', 'endpoint_missing'] },
    { phases: ['look', 'get'], status, means: ['absent', 'remote_missing'] },
    { phases: ['remove'], status, means: null },
  ]),
  {
    phases: ALL,
    status: 409,
    when: conditionalConflict,
    means: ['retryable', 'conditional_conflict'],
  },
  { phases: ['send'], status: 409, means: ['terminal', 'conflict'] },
  { phases: ['look', 'remove', 'get'], status: 409, means: ['retryable', 'conflict'] },
  { phases: ['send'], status: 412, means: ['terminal', 'conflict'] },
  { phases: ['look', 'remove', 'get'], status: 412, means: ['terminal', 'precondition_failed'] },
  ...statusRows(ALL),
  { phases: ALL, status: [500, 599], means: ['retryable', 'server_error'] },
  { phases: ALL, status: [400, 499], means: OTHER_REFUSAL },
  // A browser hides a redirect behind the status 0; and what else there may be is no HTTP.
  { phases: ALL, status: [0, 999], means: PORTAL },
];

const WORDS: Readonly<Record<HttpPhase, string>> = {
  send: 'the bytes of an upload',
  look: 'the question whether an object is there',
  remove: 'the removal of an object',
  get: 'a download',
};

/** What an answer means, by {@link httpTable}. Pure. Null is success. */
export function classifyHttp(
  phase: HttpPhase,
  answer: Answer,
  nowMs: number | undefined,
): Fault | null {
  const verdict = verdictBy(httpTable, phase, { ...answer, nowMs });
  return verdict === null ? null : faultOfVerdict(verdict, answer, WORDS[phase], nowMs);
}
