import type { Json, JsonObject } from '../json.ts';
import type { StampedEvent } from './stepper.ts';

/**
 * The log's own names for what services and timers brought, so that it outlives a major version of XState
 * (contract 9.1): `upload.succeeded`, `upload.failed`, `upload.settled` (an output without `ok`),
 * `upload.crashed` (a throw or a dead letter), `backoff.elapsed`.
 */
export interface LogEvent {
  readonly type: string;
  readonly payload: JsonObject;
}

export interface ServiceError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
}

const RESULT = /^(.+)\.(succeeded|failed|settled|crashed)$/;
const ELAPSED = /^(.+)\.elapsed$/;
const AFTER = /^xstate\.after\.([^.]+)\.(.+)$/;

/** The log event for what a service resolved with. */
export function serviceResult(id: string, output: Json): LogEvent {
  const ok =
    typeof output === 'object' && output !== null && !Array.isArray(output)
      ? (output as JsonObject)['ok']
      : undefined;
  const suffix = ok === true ? 'succeeded' : ok === false ? 'failed' : 'settled';
  return { type: `${id}.${suffix}`, payload: { service: id, output } };
}

/** The log event for a service that threw, or was given up. */
export function serviceCrash(id: string, error: ServiceError): LogEvent {
  return { type: `${id}.crashed`, payload: { service: id, error: { ...error } } };
}

/** The log event for a timer, from the event type that XState gave it. */
export function timerElapsed(xstateType: string): LogEvent {
  const match = AFTER.exec(xstateType);
  if (match === null) throw new Error(`not a delayed transition's event: ${xstateType}`);
  return {
    type: `${match[1]}.elapsed`,
    payload: { delay: match[1] as string, state: match[2] as string },
  };
}

/** A stored event as the machine takes it. Results and timers are known by their payload, not by their name alone. */
export function toMachineEvent(
  type: string,
  payload: JsonObject,
  stamp: { readonly at: number; readonly jitter: number },
): StampedEvent {
  const service = payload['service'];
  if (typeof service === 'string' && RESULT.exec(type)?.[1] === service) {
    return type.endsWith('.crashed')
      ? {
          type: `xstate.error.actor.${service}`,
          error: payload['error'],
          actorId: service,
          ...stamp,
        }
      : {
          type: `xstate.done.actor.${service}`,
          output: payload['output'],
          actorId: service,
          ...stamp,
        };
  }
  const { delay, state } = payload;
  if (typeof delay === 'string' && typeof state === 'string' && ELAPSED.exec(type)?.[1] === delay) {
    return { type: `xstate.after.${delay}.${state}`, ...stamp };
  }
  return { ...payload, type, ...stamp };
}
