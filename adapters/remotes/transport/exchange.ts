import type { Fault } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import { aborted, FaultSignal, fault, faultOf, stalled } from './faults.ts';
import { patiently } from './patience.ts';
import type { Piece } from './piece.ts';
import { type Incoming, OldConnectionError, type Send } from './send.ts';
import { watchStall } from './stall.ts';

/** What every request of one remote shares. `Phase` names its kinds of request, as its classification table does. */
export interface Transport<Phase extends string> {
  /** For downloads, whose body is the answer's. */
  readonly fetch: typeof globalThis.fetch;
  /** For all else. */
  readonly send: Send;
  readonly clock: Clock;
  /** Silence after which a request is given up, in milliseconds. */
  readonly stallMs: number;
  /** Asked before each request, so that a renewed token is used at once (field case 38). */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** What an answer means (contract 4.4); null is success. */
  classify(phase: Phase, answer: Answer): Fault | null;
}

/** An answer, and what was asked. */
export interface Answer extends Incoming {
  readonly url: string;
}

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly piece?: Piece | undefined;
  /** Bytes of the piece that the socket took. */
  readonly onSent?: ((bytes: number) => void) | undefined;
  /** Characters of the answer's body that are kept. Default 4,096. */
  readonly longestBody?: number | undefined;
  /** Asks first whether the piece is wanted. */
  readonly expectContinue?: boolean | undefined;
  /** On a connection of its own, where the platform can: one that is used again may be closing at that moment. */
  readonly isAlone?: boolean | undefined;
  /** How long a server may be heard working on its answer, in milliseconds. Default as long as silence is borne. */
  readonly answerMs?: number | undefined;
  /** So many more bytes of the answer's body arrived. */
  readonly onAnswering?: ((bytes: number) => void) | undefined;
}

/**
 * One request and its answer. Redirects are not followed: credentials never cross an origin (contract 10.3).
 * @throws a network error of the platform, or {@link FaultSignal} when the piece can not be read, or when success was
 *   claimed before all of it was sent: then something else answered than what was to store it (field case 36).
 */
export async function exchange(
  http: Pick<Transport<string>, 'send'>,
  request: Exchange,
): Promise<Answer> {
  const answer = await overOld(http, request);
  // Something on the way does not know that question: the body goes without it (RFC 9110, 10.1.1).
  const isUnasked = answer.status === 417 && request.expectContinue === true;
  return isUnasked ? once(http, { ...request, expectContinue: false }) : answer;
}

/** A server may close an idle connection just when it is used again: nothing is lost by another one, nor done twice. */
async function overOld(http: Pick<Transport<string>, 'send'>, request: Exchange): Promise<Answer> {
  let sentBytes = 0;
  try {
    return await once(http, {
      ...request,
      onSent(bytes) {
        sentBytes = bytes;
        request.onSent?.(bytes);
      },
    });
  } catch (error) {
    const isOld = error instanceof OldConnectionError && sentBytes <= MOST_INTO_A_CLOSED_ONE;
    if (!isOld || !REPEATABLE.has(request.method)) throw error;
    return once(http, { ...request, isAlone: true });
  }
}

/** What may be on its way before the other end is heard closing; more was sent on a connection that was open. */
const MOST_INTO_A_CLOSED_ONE = 64 * 1024;
/** Idempotent (RFC 9110, 9.2.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

async function once(
  http: Pick<Transport<string>, 'send'>,
  { piece, onSent, ...request }: Exchange,
): Promise<Answer> {
  const sent = piece && counted(piece, onSent);
  if (piece !== undefined) request.headers.set('Content-Length', String(piece.size));
  try {
    const answer = await http.send({ ...request, body: sent?.bytes });
    if (answer.status >= 200 && answer.status < 300 && sent?.isWhole() === false) throw early();
    return { url: request.url, ...answer };
  } catch (error) {
    throw sent?.failure() ?? error;
  }
}

/** A request and its answer: watched for stalls, classified. 404 and the like are faults here too. */
export async function ask<Phase extends string>(
  http: Transport<Phase>,
  phase: Phase,
  request: Omit<Exchange, 'headers'> & {
    /** The protocol's own, over those of the app. */
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<{ readonly ok: true; readonly answer: Answer } | Fault> {
  const { method, url, signal } = request;
  if (signal.aborted) return aborted;
  const stop = new AbortController();
  let stall: Fault | undefined;
  const onStall = (): void => {
    stall = stalled(http.stallMs);
    stop.abort();
  };
  const watch = watchStall(http.clock, http.stallMs, onStall, request.answerMs);
  watch.alive();
  try {
    const either = AbortSignal.any([signal, stop.signal]);
    const headers = await appHeaders(http, either);
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
    const answer = await exchange(http, {
      method,
      url,
      headers,
      signal: either,
      piece: request.piece,
      longestBody: request.longestBody,
      expectContinue: request.expectContinue,
      isAlone: request.isAlone,
      onAnswering: watch.answering,
      onSent(bytes) {
        watch.alive();
        request.onSent?.(bytes);
      },
    });
    return http.classify(phase, answer) ?? { ok: true, answer };
  } catch (error) {
    return stall ?? (signal.aborted ? aborted : faultOf(error));
  } finally {
    watch.stop();
  }
}

/** @throws {FaultSignal} when the app could not make them; its own error may hold a token and goes no further. */
export async function appHeaders(
  http: Pick<Transport<string>, 'headers' | 'clock' | 'stallMs'>,
  signal: AbortSignal,
): Promise<Headers> {
  try {
    return new Headers(await patiently(http, () => http.headers(), signal));
  } catch (error) {
    if (error instanceof FaultSignal) throw error;
    const message = 'The request headers could not be made.';
    throw new FaultSignal(fault('retryable', 'headers_failed', message));
  }
}

interface Sent {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** All bytes were handed over. */
  isWhole(): boolean;
  /** What reading them came to, however the platform wraps it. */
  failure(): FaultSignal | undefined;
}

function counted(piece: Piece, onSent: ((bytes: number) => void) | undefined): Sent {
  let failed: FaultSignal | undefined;
  let sentBytes = 0;
  async function* bytes(): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of piece.open()) {
        sentBytes += chunk.byteLength;
        yield chunk;
        onSent?.(sentBytes);
      }
    } catch (error) {
      if (error instanceof FaultSignal) failed = error;
      throw error;
    }
  }
  return { bytes: bytes(), isWhole: () => sentBytes === piece.size, failure: () => failed };
}

function early(): FaultSignal {
  return new FaultSignal(
    fault('retryable', 'not_the_remote', 'Success was claimed before all bytes were sent.'),
  );
}
