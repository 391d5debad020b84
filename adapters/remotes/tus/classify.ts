import type { Fault } from '../../../machines/attachment/types.ts';
import type { HeaderReader } from '../transport/retry-after.ts';
import {
  faultOfVerdict,
  isHtml,
  MEANT_BY_PROXIES,
  PORTAL,
  STATUSES,
  type Verdict,
  verdictOfUnknown,
} from '../transport/statuses.ts';

/** Which request was answered. The same status means different things to different requests (contract 4.4). */
export type TusPhase = 'create' | 'head' | 'patch' | 'delete' | 'get';

export interface TusHints {
  /** For a `Retry-After` date, where the answer itself has no `Date`. */
  readonly nowMs?: number;
  /** The beginning of the answer's body: a protocol code where the status is not enough. */
  readonly body?: string;
}

/**
 * What an answer means, as a table over (phase, status), with the headers deciding whether it is the remote at all.
 * Pure. `null` is success. A 404 or 410 to DELETE is success: there is nothing left to remove.
 *
 * An answer without `Tus-Resumable` that claims success, redirects, or is an HTML page, did not come from the remote
 * but from something in between (field case 36): `not_the_remote`, retryable. GET is plain HTTP and exempt from that.
 */
export function classifyTus(
  phase: TusPhase,
  status: number,
  headers: HeaderReader,
  hints: TusHints = {},
): Fault | null {
  const verdict = judge(phase, status, headers, hints);
  if (verdict === null) return null;
  return faultOfVerdict(verdict, { status, headers }, WORDS[phase], hints.nowMs);
}

const WORDS: Readonly<Record<TusPhase, string>> = {
  create: 'the creation of an upload',
  head: 'the question how far an upload is',
  patch: 'the bytes of an upload',
  delete: 'the removal of an upload',
  get: 'a download',
};

/** Of tus alone. */
const OF_TUS: Readonly<Record<number, Verdict>> = {
  412: ['terminal', 'protocol_version_refused'],
  460: ['terminal', 'checksum_refused'],
};

/** Where the request makes the difference; looked at first. */
const BY_PHASE: Readonly<Record<TusPhase, Readonly<Record<number, Verdict | null>>>> = {
  create: {
    404: ['terminal', 'endpoint_missing'],
    409: ['terminal', 'conflict'],
    410: ['terminal', 'endpoint_missing'],
  },
  head: {
    404: ['resume_lost', 'upload_gone'],
    409: ['retryable', 'conflict'],
    410: ['resume_lost', 'upload_gone'],
  },
  patch: {
    404: ['resume_lost', 'upload_gone'],
    409: ['retryable', 'offset_conflict'], // the next run asks where the server stands
    410: ['resume_lost', 'upload_gone'],
  },
  delete: { 404: null, 409: ['retryable', 'conflict'], 410: null },
  get: {
    404: ['absent', 'remote_missing'],
    409: ['retryable', 'conflict'],
    410: ['absent', 'remote_missing'],
  },
};

function judge(
  phase: TusPhase,
  status: number,
  headers: HeaderReader,
  hints: TusHints,
): Verdict | null {
  const speaksTus = phase === 'get' || headers.get('Tus-Resumable') !== null;
  const html = isHtml(headers);
  if (status >= 200 && status < 300) return speaksTus && !(html && phase !== 'get') ? null : PORTAL;
  if (status >= 300 && status < 400) return speaksTus ? ['terminal', 'redirect_refused'] : PORTAL;
  if (status < 400) return PORTAL; // also 0: a browser hides a redirect
  const page = html && !speaksTus;
  if (page && status < 500 && !MEANT_BY_PROXIES.has(status)) return PORTAL;
  // @tus/server ends a PATCH with 400 when another request asks for its lock: nothing is wrong with the bytes.
  if (phase === 'patch' && status === 400 && /abort/i.test(hints.body ?? '')) {
    return ['retryable', 'interrupted'];
  }
  const special = BY_PHASE[phase][status];
  if (special !== undefined) return special;
  return OF_TUS[status] ?? STATUSES[status] ?? verdictOfUnknown(status);
}
