import type { Fault } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import { classifyTus, type TusPhase } from './classify.ts';
import { aborted, FaultSignal, fault, faultOf, stalled } from './faults.ts';
import { watchStall } from './stall.ts';

/** What every request of one remote shares. */
export interface TusHttp {
  readonly endpoint: URL;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly stallMs: number;
  /** Asked before each request, so that a renewed token is used at once (field case 38). */
  headers(): Promise<Readonly<Record<string, string>>>;
}

/** An answer with as much of its body as anybody may want to look at (contract 10.3). */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Bytes of a request; read once, in order. */
export interface Piece {
  /** tus-js-client looks at this. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
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
export async function exchange(http: TusHttp, request: Exchange): Promise<Answer> {
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
    return { status: response.status, headers: response.headers, body: await beginning(response) };
  } catch (error) {
    throw sent?.failure() ?? error;
  } finally {
    sent?.release();
  }
}

/** A request without bytes: watched for stalls, classified. 404 and the like are faults here too. */
export async function ask(
  http: TusHttp,
  phase: TusPhase,
  method: string,
  url: string,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly answer: Answer } | Fault> {
  if (signal.aborted) return aborted;
  const stop = new AbortController();
  let stall: Fault | undefined;
  const watch = watchStall(http.clock, http.stallMs, () => {
    stall = stalled(http.stallMs);
    stop.abort();
  });
  watch.alive();
  try {
    const headers = await requestHeaders(http);
    const both = AbortSignal.any([signal, stop.signal]);
    const answer = await exchange(http, { method, url, headers, signal: both });
    return judged(http, phase, answer) ?? { ok: true, answer };
  } catch (error) {
    return stall ?? (signal.aborted ? aborted : faultOf(error));
  } finally {
    watch.stop();
  }
}

/** The app's headers below those of the protocol. */
async function requestHeaders(http: TusHttp): Promise<Headers> {
  const headers = await appHeaders(http);
  headers.set('Tus-Resumable', '1.0.0');
  return headers;
}

/** @throws {FaultSignal} when the app could not make them; its own error may hold a token and goes no further. */
export async function appHeaders(http: TusHttp): Promise<Headers> {
  try {
    return new Headers(await http.headers());
  } catch {
    const message = 'The request headers could not be made.';
    throw new FaultSignal(fault('retryable', 'headers_failed', message));
  }
}

export function judged(http: TusHttp, phase: TusPhase, answer: Answer): Fault | null {
  const { status, headers, body } = answer;
  return classifyTus(phase, status, headers, { nowMs: http.clock.now(), body });
}

/** `link` as an absolute url, or undefined when it leads to another origin (contract 10.3). */
export function sameOrigin(endpoint: URL, link: string): string | undefined {
  const url = URL.canParse(link, endpoint.href) ? new URL(link, endpoint) : undefined;
  const inside = url?.origin === endpoint.origin && url.username === '' && url.password === '';
  return inside ? url.href : undefined;
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
