import type { Fault } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import { aborted, FaultSignal, fault, faultOf, stalled } from './faults.ts';
import type { Piece } from './piece.ts';
import { watchStall } from './stall.ts';

/** What every request of one remote shares. `Phase` names its kinds of request, as its classification table does. */
export interface Transport<Phase extends string> {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Silence after which a request is given up, in milliseconds. */
  readonly stallMs: number;
  /** Asked before each request, so that a renewed token is used at once (field case 38). */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** What an answer means (contract 4.4); null is success. */
  classify(phase: Phase, answer: Answer): Fault | null;
}

/** An answer with as much of its body as anybody may want to look at (contract 10.3). */
export interface Answer {
  /** What was asked. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly piece?: Piece | undefined;
  /** Bytes of the piece that the socket took. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/** Characters of an answer that are looked at. */
const LONGEST_BODY = 4096;

/**
 * One request and its answer. Redirects are not followed: credentials never cross an origin (contract 10.3).
 * @throws a network error of the platform, or {@link FaultSignal} when the piece can not be read.
 */
export async function exchange(
  http: Pick<Transport<string>, 'fetch'>,
  request: Exchange,
): Promise<Answer> {
  const { method, url, headers, signal, piece } = request;
  const sent = piece && streamed(piece, request.onSent);
  if (piece !== undefined) headers.set('Content-Length', String(piece.size));
  try {
    const response = await http.fetch(url, {
      method,
      headers,
      signal,
      redirect: 'manual',
      ...(sent === undefined ? {} : { body: sent.stream, duplex: 'half' }),
    });
    return {
      url,
      status: response.status,
      headers: response.headers,
      body: await beginning(response),
    };
  } catch (error) {
    throw sent?.failure() ?? error;
  } finally {
    sent?.release();
  }
}

/** A request and its answer: watched for stalls, classified. 404 and the like are faults here too. */
export async function ask<Phase extends string>(
  http: Transport<Phase>,
  phase: Phase,
  request: Pick<Exchange, 'method' | 'url' | 'signal' | 'piece' | 'onSent'> & {
    /** The protocol's own, over those of the app. */
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<{ readonly ok: true; readonly answer: Answer } | Fault> {
  const { method, url, signal } = request;
  if (signal.aborted) return aborted;
  const stop = new AbortController();
  let stall: Fault | undefined;
  const watch = watchStall(http.clock, http.stallMs, () => {
    stall = stalled(http.stallMs);
    stop.abort();
  });
  watch.alive();
  try {
    const headers = await appHeaders(http);
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
    const answer = await exchange(http, {
      method,
      url,
      headers,
      signal: AbortSignal.any([signal, stop.signal]),
      piece: request.piece,
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
export async function appHeaders(http: Pick<Transport<string>, 'headers'>): Promise<Headers> {
  try {
    return new Headers(await http.headers());
  } catch {
    const message = 'The request headers could not be made.';
    throw new FaultSignal(fault('retryable', 'headers_failed', message));
  }
}

interface Sent {
  readonly stream: ReadableStream<Uint8Array>;
  failure(): FaultSignal | undefined;
  release(): void;
}

/** The piece as the body of a request: read as fast as the socket takes it, so that memory stays bounded. */
function streamed(piece: Piece, onSent: ((bytes: number) => void) | undefined): Sent {
  const iterator = piece.open()[Symbol.asyncIterator]();
  let failed: FaultSignal | undefined;
  let sentBytes = 0;
  const release = (): void => {
    iterator.return?.().catch(() => {}); // only frees the file; what went wrong was told by `next`
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await iterator.next();
          if (step.done === true) return controller.close();
          sentBytes += step.value.byteLength;
          onSent?.(sentBytes);
          controller.enqueue(step.value);
        } catch (error) {
          failed = error instanceof FaultSignal ? error : undefined;
          controller.error(error);
        }
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  );
  return { stream, failure: () => failed, release };
}

async function beginning(response: Response): Promise<string> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < LONGEST_BODY) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.slice(0, LONGEST_BODY);
}
