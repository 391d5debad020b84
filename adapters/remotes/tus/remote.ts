import type { Fault } from '../../../machines/attachment/types.ts';
import { type Clock, systemClock } from '../../../ports/clock.ts';
import type { HeadOutcome, ObjectKey, Remote } from '../../../ports/remote.ts';
import { downloadByGet } from '../transport/download.ts';
import { ask } from '../transport/exchange.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { patiently } from '../transport/patience.ts';
import {
  type DownloadOptions,
  downloadRules,
  endpointOf,
  positive,
  sameOrigin,
  withoutQuery,
} from '../transport/places.ts';
import { sender } from '../transport/sender.ts';
import { tusUploadId } from '../tus-ids.ts';
import { classifyTus } from './classify.ts';
import { TUS_VERSION, type TusHttp } from './http.ts';
import { loadTus, type TusModule } from './load.ts';
import { isCapability, uploadByTus } from './upload.ts';

export interface TusRemoteOptions extends DownloadOptions {
  /** Where uploads are created, `http:` or `https:`, such as `https://files.example.com/uploads`. */
  readonly endpoint: string;
  /** Sent with every request to the endpoint's origin; a function is asked each time, so that tokens can change. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);
  /** The upload id of an object: stable, url-safe, one path segment. Default: {@link tusUploadId}. */
  readonly idFor?: (objectKey: ObjectKey) => string;
  /**
   * The stable url that refs store. Default: the upload's own url without its query. `null` leaves it to `attach`.
   * Give one where upload urls are secrets, as on a stock server that serves downloads to anybody: refs are not.
   */
  readonly locator?: (upload: {
    readonly url: string;
    readonly objectKey: ObjectKey;
  }) => string | null | Promise<string | null>;
  /**
   * Whether the server has `ladingTusHooks`, or hooks that keep their promises: an upload lies where its id says, and
   * an id is created once. Small files are then sent by one request, and no handle is stored. Default: learnt from the
   * place of the first upload.
   */
  readonly hooks?: boolean;
  /** Files up to this size go with their creation, by one request, where `hooks` allow it. Default 2 MiB. */
  readonly singleRequestBytes?: number;
  /**
   * Silence after which a request is given up; counts from the last byte that moved. A function of the app that is asked
   * for what a request needs is waited for no longer. Default 30,000.
   */
  readonly stallMs?: number;
  /** Most bytes in one request. Default: all that is left. For proxies that limit or buffer requests. */
  readonly chunkSizeBytes?: number;
  readonly clock?: Clock;
}

/**
 * A tus 1.0 server as a {@link Remote}.
 *
 * Against a server with `ladingTusHooks` (`lading/remotes/tus-server`) an object exists once, whatever is lost or
 * repeated: its upload id is made from the object key, and a second creation is refused. A stock server chooses ids
 * itself; there a lost answer to a creation leaves an empty upload behind, which tus has no way to list.
 *
 * What `head` tells is the server's count of bytes; tus servers compute no hash, so `sha256` is null.
 *
 * @throws {LadingError} `invalid_option`; later, from `upload`: `sdk_missing` without tus-js-client.
 * @example
 * ```ts
 * const remote = tusRemote({
 *   endpoint: 'https://files.example.com/uploads',
 *   headers: async () => ({ Authorization: `Bearer ${await session.token()}` }),
 * })
 * ```
 */
export function tusRemote(options: TusRemoteOptions): Remote {
  const endpoint = endpointOf(options.endpoint, 'tus endpoint');
  const http: TusHttp = {
    endpoint,
    server: {
      hasHooks: options.hooks ?? false,
      takesBytes: true,
      learns: options.hooks === undefined,
    },
    // Not bound once: an app may replace the global one later, for tests or tracing.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    send: sender(options.fetch),
    clock: options.clock ?? systemClock(),
    stallMs: positive('stallMs', options.stallMs ?? 30_000),
    headers: async () =>
      typeof options.headers === 'function' ? options.headers() : (options.headers ?? {}),
    classify: (phase, { url, status, headers, body }) =>
      classifyTus(phase, status, headers, { nowMs: http.clock.now(), body, url }),
  };
  const chunkSizeBytes = positive(
    'chunkSizeBytes',
    options.chunkSizeBytes ?? Number.POSITIVE_INFINITY,
  );
  const rules = downloadRules(endpoint, options);
  const idFor = options.idFor ?? tusUploadId;
  const urlFor = (id: string): string => {
    const base = new URL(endpoint);
    base.pathname = `${base.pathname.replace(/\/+$/, '')}/${encodeURIComponent(id)}`;
    return base.href;
  };
  /** The handle first, then where our server hook would put the object. */
  const placesOf = (objectKey: ObjectKey, handle: string | null): readonly string[] => {
    const known = handle === null ? undefined : sameOrigin(endpoint, handle);
    return [...new Set([...(known === undefined ? [] : [known]), urlFor(idFor(objectKey))])];
  };
  /** @throws {FaultSignal} the app gave none: its own error may hold a token and goes no further. */
  const locator = async (
    url: string,
    objectKey: ObjectKey,
    signal: AbortSignal,
  ): Promise<string | null> => {
    const { locator: given } = options;
    if (given === undefined) return withoutQuery(url);
    try {
      return await patiently(http, () => given({ url, objectKey }), signal);
    } catch (error) {
      throw error instanceof FaultSignal ? error : new FaultSignal(NO_PLACE);
    }
  };

  let tus: TusModule | undefined;

  return {
    host: endpoint.host,

    async upload(request, context) {
      const uploadId = idFor(request.objectKey);
      tus ??= await loadTus();
      return uploadByTus(tus, http, request, context, {
        uploadId,
        expectedUrl: urlFor(uploadId),
        chunkSizeBytes,
        singleRequestBytes: options.singleRequestBytes ?? SINGLE_REQUEST_BYTES,
        locator: (url) => locator(url, request.objectKey, context.signal),
      }).catch(faultOnly);
    },

    async head(objectKey, { handle, signal }): Promise<HeadOutcome> {
      const expected = urlFor(idFor(objectKey));
      for (const url of placesOf(objectKey, handle)) {
        const told = await ask(http, 'head', { method: 'HEAD', url, headers: TUS_VERSION, signal });
        if (!told.ok && told.class === 'resume_lost') continue;
        if (!told.ok) return told;
        const offset = told.answer.headers.get('Upload-Offset');
        if (offset === null || !/^\d{1,15}$/.test(offset)) return badOffset;
        if (offset !== told.answer.headers.get('Upload-Length')) return { ok: true, exists: false };
        const place = await locator(url, objectKey, signal).catch(faultOnly);
        if (place !== null && typeof place === 'object') return place;
        const token = isCapability(url, expected) ? null : url;
        const found = { ok: true, exists: true, sha256: null, token } as const;
        return { ...found, byteSize: Number(offset), url: place ?? withoutQuery(url) };
      }
      return { ok: true, exists: false };
    },

    async remove(objectKey, { handle, signal }) {
      for (const url of placesOf(objectKey, handle)) {
        const told = await ask(http, 'delete', {
          method: 'DELETE',
          url,
          headers: TUS_VERSION,
          signal,
        });
        if (!told.ok) return told;
      }
      return { ok: true };
    },

    download: (url, { start, signal }) =>
      downloadByGet(http, rules, url, start === undefined ? { signal } : { start, signal }),
  };
}

/** Above it the round trip that is saved is nothing beside the time of the bytes. */
const SINGLE_REQUEST_BYTES = 2 * 1024 * 1024;

/** What is foreseen, as a value. */
function faultOnly(error: unknown): Fault {
  if (error instanceof FaultSignal) return error.fault;
  throw error;
}

const NO_PLACE = fault('retryable', 'address_failed', 'The app could not say where the object is.');
const badOffset: Fault = fault(
  'retryable',
  'bad_offset',
  'The server did not say how many bytes it has.',
);
