import type { Fault, FaultClass } from '../../../machines/attachment/types.ts';
import { sourceFaultOf } from '../../../ports/remote.ts';

/** Carries a fault through code that can only throw: fetch, streams, tus-js-client. */
export class FaultSignal extends Error {
  override readonly name = 'FaultSignal';
  readonly fault: Fault;

  constructor(reason: Fault) {
    super(reason.code);
    this.fault = reason;
  }
}

/** A fault with a message of our own: never a url, a header or a body, which may hold tokens (contract 10.4). */
export function fault(faultClass: FaultClass, code: string, message: string): Fault {
  return { ok: false, class: faultClass, code, message };
}

/** What a broken exchange comes to: the fault it carries, else a network failure. */
export function faultOf(error: unknown): Fault {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = innerOf(at), depth++) {
    if (at instanceof FaultSignal) return at.fault;
  }
  const code = systemCode(error) ?? '';
  const detail = code === '' ? '' : ` (${code})`;
  if (NO_HOST.has(code)) {
    return fault('retryable', 'host_not_found', `The name of the host leads nowhere${detail}.`);
  }
  if (TLS.test(code)) {
    return fault('retryable', 'tls_failed', `The host could not prove who it is${detail}.`);
  }
  if (UNREACHABLE.has(code)) {
    return fault('retryable', 'host_unreachable', `No connection could be made${detail}.`);
  }
  return fault('retryable', 'network', `The connection failed${detail}.`);
}

/** What looking up a name comes to: there is none, or nobody could tell. Both pass when the network is back. */
const NO_HOST: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NONAME', 'ENODATA']);

/** Nobody listens, or nothing leads there: not a byte was sent. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Codes of faults before which nothing left this device. */
export const NOT_SENT: ReadonlySet<string> = new Set([
  'host_not_found',
  'host_unreachable',
  'tls_failed',
]);

/** OpenSSL's words on certificates, and Node's on handshakes. Something in between may pass; a wrong setup is told. */
const TLS =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET|DECRYPT|DECODE)_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$)/;

/** What reading the local bytes came to. */
export function sourceFault(error: unknown): Fault {
  return error instanceof FaultSignal ? error.fault : sourceFaultOf(error);
}

export const aborted: Fault = fault('retryable', 'aborted', 'The transfer was stopped.');

export function stalled(stallMs: number): Fault {
  return fault(
    'retryable',
    'stalled',
    `Nothing moved for ${Math.round(stallMs / 1000)} s, or next to nothing.`,
  );
}

function innerOf(error: Error): unknown {
  return 'causingError' in error && error.causingError !== null ? error.causingError : error.cause;
}

/** `ECONNRESET` and the like, from wherever it is buried. */
function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = innerOf(at), depth++) {
    if ('code' in at && typeof at.code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(at.code)) {
      return at.code;
    }
  }
  return undefined;
}
