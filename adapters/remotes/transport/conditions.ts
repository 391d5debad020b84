import { clockOffsetMs, expiryOf } from './expiry.ts';
import type { Condition, Seen } from './seen.ts';
import { isHtml } from './statuses.ts';

/** A page for people where a machine was asked (field case 36). */
export const htmlPage: Condition = {
  words: 'an HTML page',
  holds: ({ headers, body }) => isHtml(headers) || /^\s*<(!doctype\s+html|html)[\s>]/i.test(body), // some say no type
};

/** Also one without a place: what the remote means is not there to be followed. */
export const leadsAway: Condition = {
  words: 'to another origin, or nowhere',
  holds: (seen) => targetOf(seen)?.origin !== originOf(seen.url),
};

/** A session that is over, at the remote itself: other credentials are what it lacks. */
export const leadsToLogin: Condition = {
  words: 'to a login page of the same origin',
  holds: (seen) =>
    !leadsAway.holds(seen) &&
    /(^|\/)(log-?in|sign-?in|sso|auth)\b/i.test(targetOf(seen)?.pathname ?? ''),
};

/** RFC 6750, 3.1. */
export const tokenInvalid: Condition = {
  words: '`WWW-Authenticate` says `invalid_token`',
  holds: ({ headers }) =>
    /\berror\s*=\s*"?invalid_token\b/i.test(headers.get('WWW-Authenticate') ?? ''),
};

/** Stores that sign urls and requests say so in the body, with 400 or 403 (field case 39). */
export const credentialsExpired: Condition = {
  words: 'the body says `ExpiredToken`, `TokenRefreshRequired` or that the request has expired',
  holds: ({ body }) => /\b(ExpiredToken|TokenRefreshRequired|Request has expired)\b/.test(body),
};

/** A url that was signed for a while, and the while is over (field case 40). */
export const urlExpired: Condition = {
  words: 'the url says that it has expired',
  holds({ url, headers, nowMs }) {
    const until = expiryOf(url);
    const now = servedAt(headers.get('Date')) ?? nowMs;
    return until !== undefined && now !== undefined && now >= until;
  },
};

/** Signatures take a quarter of an hour at most (field case 43). */
export const clockSkewed: Condition = {
  words: 'the body says `RequestTimeTooSkewed`, or `Date` is 15 min away from this device',
  holds: ({ body, headers, nowMs }) =>
    /\bRequestTimeTooSkewed\b/.test(body) ||
    Math.abs(clockOffsetMs(headers, nowMs) ?? 0) >= LARGEST_OFFSET_MS,
};

/** Two requests met: the protocol says to repeat the later one. */
export const conditionalConflict: Condition = {
  words: 'the body says `ConditionalRequestConflict` or `OperationAborted`',
  holds: ({ body }) => /\b(ConditionalRequestConflict|OperationAborted)\b/.test(body),
};

/** What arrived is not what was sent: the next time it may be. */
export const digestRefused: Condition = {
  words: 'the body says `digest-mismatching-values`, `BadDigest` or `XAmzContentSHA256Mismatch`',
  holds: ({ body }) =>
    /\b(digest-mismatching-values|BadDigest|XAmzContentSHA256Mismatch)\b/.test(body),
};

const LARGEST_OFFSET_MS = 15 * 60_000;

function targetOf({ headers, url }: Seen): URL | undefined {
  const link = headers.get('Location');
  return link !== null && URL.canParse(link, url) ? new URL(link, url) : undefined;
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function servedAt(date: string | null): number | undefined {
  const at = Date.parse(date ?? '');
  return Number.isNaN(at) ? undefined : at;
}
