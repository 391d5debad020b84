import type { Fault, FaultClass } from '../../../machines/attachment/types.ts';

/** Which request was answered. The same status means different things to different requests (contract 4.4). */
export type TusPhase = 'create' | 'head' | 'patch' | 'delete' | 'get';

/** Response headers; `Headers` fits. */
export interface HeaderReader {
  get(name: string): string | null;
}

export interface TusHints {
  /** For a `Retry-After` date, where the answer itself has no `Date`. */
  readonly nowMs?: number;
  /** The beginning of the answer's body: a protocol code where the status is not enough. */
  readonly body?: string;
}

/** The longest wait that a server may ask for (contract 4.5). */
export const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

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
  const [faultClass, code] = verdict;
  const message = `The server answered ${status} to ${WORDS[phase]}.`;
  const retryAfterMs = faultClass === 'retryable' ? parseRetryAfter(headers, hints) : undefined;
  const fault: Fault = { ok: false, class: faultClass, code, message };
  return retryAfterMs === undefined ? fault : { ...fault, retryAfterMs };
}

type Verdict = readonly [FaultClass, string];

const WORDS: Readonly<Record<TusPhase, string>> = {
  create: 'the creation of an upload',
  head: 'the question how far an upload is',
  patch: 'the bytes of an upload',
  delete: 'the removal of an upload',
  get: 'a download',
};

const PORTAL: Verdict = ['retryable', 'not_the_remote'];

/** Statuses that mean the same to every request. */
const ANY_PHASE: Readonly<Record<number, Verdict>> = {
  400: ['terminal', 'bad_request'],
  401: ['auth', 'unauthorized'],
  403: ['terminal', 'forbidden'],
  405: ['terminal', 'method_refused'],
  407: PORTAL, // a proxy wants to be paid or logged in to
  408: ['retryable', 'request_timeout'],
  412: ['terminal', 'protocol_version_refused'],
  413: ['terminal', 'too_large'],
  415: ['terminal', 'unsupported_type'],
  416: ['terminal', 'range_refused'],
  422: ['terminal', 'unprocessable'],
  423: ['retryable', 'locked'],
  425: ['retryable', 'too_early'],
  429: ['retryable', 'too_many_requests'],
  460: ['terminal', 'checksum_refused'],
  507: ['retryable', 'remote_full'],
  511: PORTAL,
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

/** Proxies answer these themselves, with pages of their own, and mean them. */
const MEANT_BY_PROXIES: ReadonlySet<number> = new Set([401, 408, 413, 429]);

function judge(
  phase: TusPhase,
  status: number,
  headers: HeaderReader,
  hints: TusHints,
): Verdict | null {
  const speaksTus = phase === 'get' || headers.get('Tus-Resumable') !== null;
  const html = /^text\/html\b/i.test(headers.get('Content-Type') ?? '');
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
  const common = ANY_PHASE[status];
  if (common !== undefined) return common;
  return status >= 500 ? ['retryable', 'server_error'] : ['terminal', `http_${status}`];
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), clamped to 0 … 24 h. */
function parseRetryAfter(headers: HeaderReader, hints: TusHints): number | undefined {
  const value = headers.get('Retry-After')?.trim() ?? '';
  if (/^\d+$/.test(value)) return clamp(Number(value) * 1000);
  const at = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  // The server's own clock, where it tells it: ours may be wrong by years (field case 44).
  const served = Date.parse(headers.get('Date') ?? '');
  const now = Number.isNaN(served) ? hints.nowMs : served;
  return Number.isNaN(at) || now === undefined ? undefined : clamp(at - now);
}

function clamp(delayMs: number): number {
  return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, delayMs));
}
