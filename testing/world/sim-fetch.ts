import { decodeIdPart } from '../../ports/id-part.ts';
import { type ObjectKey, objectKey } from '../../ports/remote.ts';
import { NetworkError, type NetworkErrorCode } from './network-faults.ts';
import type { NetworkLink } from './sim-network.ts';
import type { SimObjectStore, StoreReply } from './sim-object-store.ts';
import { OBJECT_ORIGIN, REMOTE_HOST } from './sim-remote.ts';

/**
 * The simulated object store as a plain HTTP server, and a device's way to it: PUT, HEAD, GET and DELETE at
 * `<OBJECT_ORIGIN><account>/<mediaId>`, credentials by `Authorization`, hashes by RFC 9530. For adapters that speak HTTP.
 */
export function simFetch(link: NetworkLink, store: SimObjectStore): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const request = new Request(input, { ...init, signal: null });
    const body = init.body === undefined ? null : new Uint8Array(await request.arrayBuffer());
    const { method, url, headers } = request;
    try {
      const answer = await link.request({
        host: REMOTE_HOST,
        label: `${method} ${new URL(url).pathname.slice(1)}`,
        body,
        serve: (bytes) => serve(store, { method, url, headers: [...headers], bytes }),
        signal: init.signal ?? undefined,
      });
      return responseOf(answer);
    } catch (error) {
      if (error instanceof NetworkError) return withoutAnswer(error.code);
      throw error;
    }
  };
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bytes: Uint8Array | null;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

function serve(store: SimObjectStore, { method, url, headers, bytes }: Asked): Answered {
  const given = new Map(headers);
  const token = given.get('authorization') ?? null;
  const key = keyOf(url);
  if (key === undefined) return { status: 404, headers: {}, body: null };
  switch (method) {
    case 'PUT': {
      const sent = bytes ?? new Uint8Array();
      const sha256 = hexIn(given.get('content-digest') ?? '');
      const contentType = given.get('content-type') ?? '';
      const facts = { byteSize: sent.byteLength, sha256, contentType };
      return answerOf(store.put(token, key, facts, sent), (put) => ({
        status: 201,
        headers: { ETag: `"${put.token}"`, 'Repr-Digest': digestOf(sha256) },
        body: null,
      }));
    }
    case 'HEAD':
      return answerOf(store.head(token, key), ({ object }) => ({
        status: 200,
        headers: {
          'Content-Length': String(object.byteSize),
          'Content-Type': object.contentType,
          ETag: `"${object.token}"`,
          'Repr-Digest': digestOf(object.sha256),
        },
        body: null,
      }));
    case 'DELETE':
      return answerOf(store.remove(token, key), () => ({ status: 204, headers: {}, body: null }));
    default: {
      const start = Number(/^bytes=(\d+)-/.exec(given.get('range') ?? '')?.[1] ?? 0);
      const found = store.get(token, key, start, Number.MAX_SAFE_INTEGER);
      return answerOf(found, ({ bytes: body, byteSize }) => ({
        status: start === 0 ? 200 : 206,
        headers: {
          'Content-Length': String(body.byteLength),
          ...(start === 0 ? {} : { 'Content-Range': `bytes ${start}-${byteSize - 1}/${byteSize}` }),
        },
        body,
      }));
    }
  }
}

function answerOf<T>(
  reply: StoreReply<T>,
  succeeded: (reply: { readonly status: 200 } & T) => Answered,
): Answered {
  if (reply.status === 200) return succeeded(reply);
  const { status, retryAfterMs } = reply;
  const seconds = retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1000);
  return {
    status,
    headers: seconds === undefined ? {} : { 'Retry-After': String(seconds) },
    body: null,
  };
}

function responseOf({ status, headers, body }: Answered): Response {
  return new Response(status === 204 ? null : (body as Uint8Array<ArrayBuffer> | null), {
    status,
    headers,
  });
}

/** @throws as `fetch` does, where a real network would give it nothing. */
function withoutAnswer(code: NetworkErrorCode): Response {
  if (code === 'bad_gateway') return new Response('Bad Gateway', { status: 502 });
  if (code === 'captive_portal') {
    return new Response('<h1>Welcome</h1>', { headers: { 'Content-Type': 'text/html' } });
  }
  const system = { connection_refused: 'ECONNREFUSED', offline: 'ENOTFOUND' };
  const cause = Object.assign(new Error(code), {
    code: code === 'connection_refused' || code === 'offline' ? system[code] : 'ECONNRESET',
  });
  throw new TypeError('fetch failed', { cause });
}

function keyOf(url: string): ObjectKey | undefined {
  const [account = '', media = '', ...rest] = url.startsWith(OBJECT_ORIGIN)
    ? new URL(url).pathname.slice(1).split('/')
    : [];
  const [accountId, mediaId] = [decodeIdPart(account), decodeIdPart(media)];
  if (accountId === undefined || mediaId === undefined || rest.length > 0) return undefined;
  return objectKey(accountId, mediaId);
}

function hexIn(digest: string): string {
  const base64 = /sha-256=:([^:]*):/.exec(digest)?.[1] ?? '';
  return Array.from(atob(base64), (one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join(
    '',
  );
}

function digestOf(hex: string): string {
  const bytes = hex.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? [];
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}
