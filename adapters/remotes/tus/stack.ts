import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client';
import { type Answer, exchange } from '../transport/exchange.ts';
import type { Piece } from '../transport/piece.ts';
import type { StallWatch } from '../transport/stall.ts';
import type { TusHttp } from './http.ts';

/** Lets tus-js-client speak through `fetch`, where bodies are bounded, redirects stay put and everything can be stopped. */
export function fetchStack(http: TusHttp, watch: StallWatch): HttpStack {
  return {
    getName: () => 'LadingFetchStack',
    createRequest: (method, url) => fetchRequest(http, method, url, watch),
  };
}

/** The answer behind a response that {@link fetchStack} made. */
export function answerOf(response: HttpResponse): Answer {
  return response.getUnderlyingObject() as Answer;
}

/** How many bytes a request that {@link fetchStack} made was sent with; null without a body. */
export function sentBytesOf(request: HttpRequest): number | null {
  return request.getUnderlyingObject() as number | null;
}

function fetchRequest(http: TusHttp, method: string, url: string, watch: StallWatch): HttpRequest {
  const headers = new Headers();
  const stop = new AbortController();
  let sentBytes: number | null = null;
  let onProgress: ((sentBytes: number) => void) | undefined;
  return {
    getMethod: () => method,
    getURL: () => url,
    setHeader: (name, value) => headers.set(name, value),
    getHeader: (name) => headers.get(name) ?? undefined,
    setProgressHandler(handler) {
      onProgress = handler;
    },
    async send(body: Piece | null) {
      stop.signal.throwIfAborted(); // stopped before it began: not a byte leaves
      watch.alive();
      sentBytes = body?.size ?? null;
      const answer = await exchange(http, {
        method,
        url,
        headers,
        signal: stop.signal,
        piece: body ?? undefined,
        onAnswering: watch.answering,
        onSent(bytes) {
          watch.alive();
          onProgress?.(bytes);
        },
      });
      return responseOf(answer);
    },
    async abort() {
      stop.abort();
    },
    getUnderlyingObject: () => sentBytes,
  };
}

function responseOf(answer: Answer): HttpResponse {
  return {
    getStatus: () => answer.status,
    getHeader: (name) => answer.headers.get(name) ?? undefined,
    getBody: () => answer.body,
    getUnderlyingObject: () => answer,
  };
}
