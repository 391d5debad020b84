import type { Fault, FaultClass } from '../../../machines/attachment/types.ts';
import { type HeaderReader, parseRetryAfter } from './retry-after.ts';

/** What an answer means: class and code of a {@link Fault}. */
export type Verdict = readonly [FaultClass, string];

/** Not the remote's word, but that of something in between: a captive portal, a proxy (field case 36). */
export const PORTAL: Verdict = ['retryable', 'not_the_remote'];

/** Statuses that mean the same to every request of every HTTP protocol here (RFC 9110, RFC 6585, RFC 4918). */
export const STATUSES: Readonly<Record<number, Verdict>> = {
  400: ['terminal', 'bad_request'],
  401: ['auth', 'unauthorized'],
  403: ['terminal', 'forbidden'],
  405: ['terminal', 'method_refused'],
  407: PORTAL, // a proxy wants to be paid or logged in to
  408: ['retryable', 'request_timeout'],
  413: ['terminal', 'too_large'],
  415: ['terminal', 'unsupported_type'],
  416: ['terminal', 'range_refused'],
  422: ['terminal', 'unprocessable'],
  423: ['retryable', 'locked'],
  425: ['retryable', 'too_early'],
  429: ['retryable', 'too_many_requests'],
  507: ['retryable', 'remote_full'],
  511: PORTAL,
};

/** Proxies answer these themselves, with pages of their own, and mean them. */
export const MEANT_BY_PROXIES: ReadonlySet<number> = new Set([401, 408, 413, 429]);

export function isHtml(headers: HeaderReader): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('Content-Type') ?? '');
}

/**
 * A verdict as a fault, whose message holds no header and no body (contract 10.4).
 * @param request what was asked, as in "The server answered 500 to the removal of an upload."
 */
export function faultOfVerdict(
  [faultClass, code]: Verdict,
  { status, headers }: { readonly status: number; readonly headers: HeaderReader },
  request: string,
  nowMs: number | undefined,
): Fault {
  const message = `The server answered ${status} to ${request}.`;
  const retryAfterMs = faultClass === 'retryable' ? parseRetryAfter(headers, nowMs) : undefined;
  const fault: Fault = { ok: false, class: faultClass, code, message };
  return retryAfterMs === undefined ? fault : { ...fault, retryAfterMs };
}
