import type { Fault, Receipt } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import {
  type HeadOutcome,
  type ObjectKey,
  objectKey,
  type Remote,
  sourceFaultOf,
  type UploadContext,
  type UploadOutcome,
  type UploadRequest,
} from '../../ports/remote.ts';
import { NetworkError } from './network-faults.ts';
import type { NetworkLink } from './sim-network.ts';
import type { SimObjectStore, StoreReply, Token } from './sim-object-store.ts';

/** The host name of the object store: `network.setHostUp('remote', false)` takes it down. */
export const REMOTE_HOST = 'remote';

/** Where objects are found; what {@link simRemote} downloads from. */
export const OBJECT_ORIGIN = 'https://objects.example/';

export interface SimRemoteOptions {
  /** The credentials of the moment, asked before each request; null when there are none. */
  readonly token: (key: ObjectKey) => Token;
  /** Bytes in one request of a resumable upload, or of a download. Default 16 KiB. */
  readonly chunkBytes?: number;
  /** Smaller objects are put whole, by one request. Default 4 KiB. */
  readonly putBelowBytes?: number;
}

/** One device's adapter to the simulated object store, over its link (ports/remote.ts). */
export function simRemote(
  link: NetworkLink,
  store: SimObjectStore,
  { token, chunkBytes = 16_384, putBelowBytes = 4_096 }: SimRemoteOptions,
): Remote {
  /** @throws {NetworkError} and the signal's reason; what the store answers is returned. */
  const call = async <T>(
    verb: string,
    key: ObjectKey,
    signal: AbortSignal,
    serve: (credentials: Token) => StoreReply<T>,
    body: Uint8Array | null = null,
  ): Promise<StoreReply<T>> => {
    const credentials = token(key);
    if (credentials === null) return { status: 401, code: 'no_credentials' };
    return link.request({
      host: REMOTE_HOST,
      label: `${verb} ${key}`,
      body,
      serve: () => serve(credentials),
      signal,
    });
  };

  const head = async (key: ObjectKey, signal: AbortSignal): Promise<HeadOutcome> => {
    const reply = await call('HEAD', key, signal, (credentials) => store.head(credentials, key));
    if (reply.status === 404) return { ok: true, exists: false };
    if (reply.status !== 200) return faultOf(reply);
    const { byteSize, sha256, token: version } = reply.object;
    return { ok: true, exists: true, byteSize, sha256, url: locatorOf(key), token: version };
  };

  /** The object is there, or may be: a receipt if it is ours, `undefined` if there is none. */
  const lookForObject = async (
    { objectKey: key, media }: UploadRequest,
    signal: AbortSignal,
  ): Promise<UploadOutcome | undefined> => {
    const found = await head(key, signal);
    if (!found.ok) return found;
    if (!found.exists) return undefined;
    if (found.sha256 !== media.sha256 || found.byteSize !== media.byteSize) {
      return fault('terminal', 'other_content');
    }
    return { ok: true, receipt: receiptOf(found.url, found.token, found.byteSize) };
  };

  const putWhole = async (
    request: UploadRequest,
    context: UploadContext,
  ): Promise<UploadOutcome> => {
    const { objectKey: key, media } = request;
    const { signal } = context;
    const bytes = await collect(request.open());
    const put = (credentials: Token) => store.put(credentials, key, media, bytes);
    const reply = await call('PUT', key, signal, put, bytes);
    if (reply.status === 412) {
      return (await lookForObject(request, signal)) ?? fault('retryable', 'vanished');
    }
    if (reply.status !== 200) return faultOf(reply);
    context.onProgress(media.byteSize);
    return { ok: true, receipt: receiptOf(locatorOf(key), reply.token, media.byteSize) };
  };

  /** Where to go on: an offset in an upload that the engine knows of, or an outcome. */
  const begin = async (
    request: UploadRequest,
    context: UploadContext,
  ): Promise<{ readonly handle: string; readonly offset: number } | UploadOutcome> => {
    const { objectKey: key, media } = request;
    const { handle, signal } = context;
    if (handle !== null) {
      const progress = (credentials: Token) => store.progress(credentials, handle);
      const reply = await call('PROGRESS', key, signal, progress);
      if (reply.status === 200) return { handle, offset: reply.offset };
      if (reply.status !== 404 && reply.status !== 410) return faultOf(reply);
    }
    if (handle !== null || context.rerun) {
      const found = await lookForObject(request, signal);
      if (found !== undefined) return found;
    }
    const create = (credentials: Token) => store.create(credentials, key, media);
    const reply = await call('CREATE', key, signal, create);
    if (reply.status === 409) {
      return (await lookForObject(request, signal)) ?? fault('retryable', 'vanished');
    }
    if (reply.status !== 200) return faultOf(reply);
    await context.opened(reply.handle);
    return reply;
  };

  const sendChunks = async (
    request: UploadRequest,
    context: UploadContext,
  ): Promise<UploadOutcome> => {
    const { objectKey: key, media } = request;
    const { signal } = context;
    const begun = await begin(request, context);
    if ('ok' in begun) return begun;
    let { offset } = begun;
    let setbacks = 0;
    context.onProgress(offset, offset);
    while (offset < media.byteSize) {
      const end = Math.min(media.byteSize, offset + chunkBytes);
      const bytes = await collect(request.open({ start: offset, end }));
      if (bytes.byteLength !== end - offset) return fault('terminal', 'source_changed');
      const at = offset;
      const append = (credentials: Token) => store.append(credentials, begun.handle, at, bytes);
      const reply = await call(`APPEND ${at}`, key, signal, append, bytes);
      if (reply.status === 409 && reply.offset !== undefined && setbacks < MOST_SETBACKS) {
        setbacks += 1;
        offset = reply.offset;
        continue;
      }
      if (reply.status === 404 || reply.status === 410) {
        return (await lookForObject(request, signal)) ?? fault('resume_lost', reply.code);
      }
      if (reply.status === 460) return fault('resume_lost', reply.code);
      if (reply.status !== 200) return faultOf(reply);
      offset = reply.offset;
      await context.checkpoint.save({ offset });
      context.onProgress(offset, offset);
      if (reply.token !== null) {
        return { ok: true, receipt: receiptOf(null, reply.token, media.byteSize) };
      }
    }
    // All bytes were there already: only the object itself proves that they are the right ones.
    return (await lookForObject(request, signal)) ?? fault('resume_lost', 'no_such_object');
  };

  return {
    host: new URL(OBJECT_ORIGIN).host,
    upload: (request, context) =>
      classified(context.signal, async () => {
        if (request.media.byteSize >= putBelowBytes) return sendChunks(request, context);
        const found = context.rerun ? await lookForObject(request, context.signal) : undefined;
        return found ?? putWhole(request, context);
      }),
    head: (key, { signal }) => classified(signal, () => head(key, signal)),
    remove: (key, { signal }) =>
      classified(signal, async () => {
        const remove = (credentials: Token) => store.remove(credentials, key);
        const reply = await call('DELETE', key, signal, remove);
        return reply.status === 200 ? { ok: true } : faultOf(reply);
      }),
    listIncomplete: (accountId, { after, signal }) =>
      classified(signal, async () => {
        const list = (credentials: Token) => store.list(credentials, accountId, after, LIST_PAGE);
        const reply = await call('LIST', objectKey(accountId, ''), signal, list);
        if (reply.status !== 200) return faultOf(reply);
        const uploads = reply.uploads.map(({ key, handle }) => ({ objectKey: key, handle }));
        const next = uploads.length < LIST_PAGE ? null : (uploads.at(-1)?.objectKey ?? null);
        return { ok: true, uploads, next };
      }),
    abort: ({ objectKey: key, handle }, { signal }) =>
      classified(signal, async () => {
        const reply = await call('ABORT', key, signal, (credentials) =>
          store.abort(credentials, handle),
        );
        return reply.status === 200 ? { ok: true } : faultOf(reply);
      }),
    download: (url, { start = 0, signal }) =>
      classified(signal, async () => {
        const key = keyOf(url);
        if (key === undefined) return fault('terminal', 'foreign_origin');
        const get = (from: number) =>
          call(`GET ${from}`, key, signal, (credentials) =>
            store.get(credentials, key, from, chunkBytes),
          );
        const first = await get(start);
        if (first.status === 404) return fault('absent', first.code);
        if (first.status !== 200) return faultOf(first);
        return { ok: true, byteSize: first.byteSize, body: bodyFrom(first, start, get) };
      }),
  };
}

/** Small, so that a listing has several pages. */
const LIST_PAGE = 3;

/** How often the store may correct the offset before the attempt ends: two senders, or a store that has lost bytes. */
const MOST_SETBACKS = 5;

type Piece = { readonly status: 200; readonly bytes: Uint8Array; readonly byteSize: number };

/** @throws {Error} in the middle, when the rest cannot be had; the reader asks again from where it stands. */
async function* bodyFrom(
  first: Piece,
  start: number,
  get: (from: number) => Promise<StoreReply<Omit<Piece, 'status'>>>,
): AsyncIterable<Uint8Array> {
  let at = start;
  for (let piece = first; ; ) {
    if (piece.bytes.byteLength > 0) yield piece.bytes;
    at += piece.bytes.byteLength;
    if (at >= first.byteSize) return;
    const reply = await get(at);
    if (reply.status !== 200) throw new Error(`the download ended at ${at}: ${reply.code}`);
    piece = reply;
  }
}

/** What reading the bytes to send throws. */
const SOURCE: ReadonlySet<string> = new Set(['blob_missing', 'blob_corrupt', 'source_changed']);

/** Foreseen failures become values; anything else is a bug and goes on. */
async function classified<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | Fault> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NetworkError) {
      return fault(error.code === 'offline' ? 'offline' : 'retryable', error.code);
    }
    if (error instanceof LadingError && SOURCE.has(error.code)) return sourceFaultOf(error);
    if (signal.aborted && error === signal.reason) return fault('retryable', 'aborted');
    throw error;
  }
}

function faultOf(reply: Exclude<StoreReply<unknown>, { readonly status: 200 }>): Fault {
  const { status, code, retryAfterMs } = reply;
  const given = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 401) return fault('auth', code);
  if (status === 429 || status === 503) return { ...fault('retryable', code), ...given };
  return fault('terminal', code);
}

function fault(faultClass: Fault['class'], code: string): Fault {
  return { ok: false, class: faultClass, code };
}

function receiptOf(url: string | null, token: string | null, byteSize: number): Receipt {
  return { url, token, byteSize };
}

function locatorOf(key: ObjectKey): string {
  return `${OBJECT_ORIGIN}${key}`;
}

function keyOf(url: string): ObjectKey | undefined {
  return url.startsWith(OBJECT_ORIGIN) ? (url.slice(OBJECT_ORIGIN.length) as ObjectKey) : undefined;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
