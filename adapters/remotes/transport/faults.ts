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
  const code = systemCode(error);
  const detail = code === undefined ? '' : ` (${code})`;
  return fault('retryable', 'network', `The connection failed${detail}.`);
}

/** What reading the local bytes came to. */
export function sourceFault(error: unknown): Fault {
  return error instanceof FaultSignal ? error.fault : sourceFaultOf(error);
}

export const aborted: Fault = fault('retryable', 'aborted', 'The transfer was stopped.');

export function stalled(stallMs: number): Fault {
  return fault('retryable', 'stalled', `Nothing moved for ${Math.round(stallMs / 1000)} s.`);
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
