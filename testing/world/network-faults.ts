import type { SeededRandom } from './seeded-random.ts';

/** Least and most, in milliseconds; each time something in between. */
export type SpanMs = readonly [leastMs: number, mostMs: number];

/** How badly a simulated network behaves. Chances are probabilities per request, 0 to 1. */
export interface NetworkFaults {
  /** How long a request, and its reply, take each. */
  readonly delayMs: SpanMs;
  /** Chance of a delay ten times as long. */
  readonly slow: number;
  /** The request never arrives. */
  readonly loseRequest: number;
  /** The server acts, but its answer never arrives. */
  readonly loseReply: number;
  /** A proxy sends the request twice; the second one arrives within `holdMs`. */
  readonly duplicate: number;
  /**
   * The caller sees a broken connection, and a proxy that has the whole request delivers it within `holdMs`: after
   * later requests were answered (contract 5.2).
   */
  readonly holdBack: number;
  /** Must stay below the policy's `lateArrivalMs`: what arrives later than that, no engine can promise about. */
  readonly holdMs: SpanMs;
  /** A gateway answers 502, and nobody knows whether the server acted. */
  readonly badGateway: number;
  /** A captive portal answers with a page of its own (field case 36). */
  readonly captivePortal: number;
  /** Of the broken connections, those that the caller notices only by its own timeout. */
  readonly silent: number;
  /** When a caller gives up waiting. */
  readonly timeoutMs: number;
}

/** Every request arrives, and every answer. */
export const calmNetwork: NetworkFaults = {
  delayMs: [5, 50],
  slow: 0,
  loseRequest: 0,
  loseReply: 0,
  duplicate: 0,
  holdBack: 0,
  holdMs: [1_000, 600_000],
  badGateway: 0,
  captivePortal: 0,
  silent: 0,
  timeoutMs: 30_000,
};

/** About one request in four goes wrong in some way. */
export const roughNetwork: NetworkFaults = {
  ...calmNetwork,
  delayMs: [5, 2_000],
  slow: 0.05,
  loseRequest: 0.06,
  loseReply: 0.06,
  duplicate: 0.04,
  holdBack: 0.04,
  badGateway: 0.03,
  captivePortal: 0.01,
  silent: 0.3,
};

/** Why a request got no answer of the server. */
export type NetworkErrorCode =
  | 'offline'
  | 'connection_refused'
  | 'connection_lost'
  | 'timeout'
  | 'bad_gateway'
  | 'captive_portal';

/** A request without an answer of the server. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, label: string) {
    super(`${label}: ${code}`);
    this.code = code;
  }

  /** Whether the server may have acted all the same. */
  get outcomeUnknown(): boolean {
    return (
      this.code !== 'offline' &&
      this.code !== 'connection_refused' &&
      this.code !== 'captive_portal'
    );
  }
}

/** How long one way takes. */
export function delayMs(random: SeededRandom, faults: NetworkFaults): number {
  return within(random, faults.delayMs) * (random.chance(faults.slow) ? 10 : 1);
}

export function within(random: SeededRandom, [leastMs, mostMs]: SpanMs): number {
  return random.int(leastMs, mostMs);
}
