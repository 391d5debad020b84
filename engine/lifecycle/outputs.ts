import type { ServiceOutputs } from '../../machines/attachment/events.ts';
import type { Fault } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import { redact } from '../../ports/redact.ts';
import type { GateKeeper } from './gates.ts';

/** While offline no attempt is burnt (contract 4.4): a failure that the network explains is nobody's. */
export function withoutBlame(parts: { readonly gates: GateKeeper }, found: Fault): Fault {
  return found.class === 'retryable' && !parts.gates.remoteOpen()
    ? { ...found, class: 'offline' }
    : found;
}

/** A foreseen failure, as services resolve with it. */
export function fault(cls: Fault['class'], code: string, message?: string): Fault {
  return { ok: false, class: cls, code, ...(message === undefined ? {} : { message }) };
}

/** Bounded, for support staff. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

/** A service's output as the JSON that is stored: what an adapter says of a fault may quote what it was told. */
export function plainOutput(output: ServiceOutputs[keyof ServiceOutputs]): Json {
  if (output.ok || output.message === undefined) return output as Json;
  return { ...output, message: redact(output.message) };
}
