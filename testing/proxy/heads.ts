import type { ProxyFault, Side } from './faults.ts';

/** Of one connection, not of the message (RFC 9110, 7.6.1). A proxy that answers `Expect` does not pass it on. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names and values in turn, as they were written: signatures are over them, `Host` included. */
export function passedOn(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter(
    (_text, at) => !OF_THE_CONNECTION.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase()),
  );
}

/** @param length undefined: there was none, and there is none. */
export function withLength(
  rawHeaders: readonly string[],
  length: number | undefined,
): readonly string[] {
  if (length === undefined) return rawHeaders;
  const others = rawHeaders.filter(
    (_text, at) => (rawHeaders[at - (at % 2)] ?? '').toLowerCase() !== 'content-length',
  );
  return [...others, 'Content-Length', String(length)];
}

/** What the body's length is said to be when its fault is done with it. */
export function lengthUnder(
  fault: ProxyFault | undefined,
  side: Side,
  length: string | number | undefined,
): number | undefined {
  if (length === undefined) return undefined;
  const is = Number(length);
  if (fault?.act === 'truncate' && fault.side === side) return Math.min(is, fault.toBytes);
  if (fault?.act === 'oversize' && fault.side === side) return is + fault.byBytes;
  return is;
}

export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isEarly: boolean;
}

/** What the proxy itself says to a request that the server never sees. */
export function answerHeaders(fault: Extract<ProxyFault, { act: 'answer' | 'login' }>): OwnAnswer {
  if (fault.act === 'answer') {
    const { status, headers = {}, body = '', early = false } = fault;
    return { status, headers, body, isEarly: early };
  }
  return fault.by === 'redirect'
    ? {
        status: 302,
        headers: {
          Location: 'http://login.network.invalid/?next=you',
          'Content-Type': 'text/html',
        },
        body: LOGIN_PAGE,
        isEarly: false,
      }
    : { status: 200, headers: { 'Content-Type': 'text/html' }, body: LOGIN_PAGE, isEarly: false };
}

const LOGIN_PAGE =
  '<!doctype html><title>Welcome</title><p>Accept our terms to use this network.</p>\n';
