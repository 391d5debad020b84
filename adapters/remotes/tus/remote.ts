import type { Fault } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import { systemClock } from '../../../ports/clock.ts';
import { LadingError } from '../../../ports/errors.ts';
import type { HeadOutcome, ObjectKey, Remote } from '../../../ports/remote.ts';
import { tusUploadId } from '../tus-ids.ts';
import { type DownloadRules, downloadByGet } from './download.ts';
import { fault } from './faults.ts';
import { ask, sameOrigin, type TusHttp } from './http.ts';
import { loadTus } from './load.ts';
import { isCapability, uploadByTus } from './upload.ts';

export interface TusRemoteOptions {
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
  /** Silence after which a request is given up; counts from the last byte that moved. Default 30,000. */
  readonly stallMs?: number;
  /** Most bytes in one request. Default: all that is left. For proxies that limit or buffer requests. */
  readonly chunkSizeBytes?: number;
  /** Origins besides the endpoint's from which `download` may read; they get no headers (contract 10.3). */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether those other origins may lie in a private network: this machine, the local net, a cloud's metadata
   * service. The endpoint's own origin may always. Checked in Node, at each connection; a `fetch` of your own decides
   * for itself. Default false (contract 10.3).
   */
  readonly allowPrivateAddresses?: boolean;
  readonly clock?: Clock;
  readonly fetch?: typeof globalThis.fetch;
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
  const endpoint = endpointOf(options.endpoint);
  const http: TusHttp = {
    endpoint,
    // Not bound once: an app may replace the global one later, for tests or tracing.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    clock: options.clock ?? systemClock(),
    stallMs: positive('stallMs', options.stallMs ?? 30_000),
    headers: async () =>
      typeof options.headers === 'function' ? options.headers() : (options.headers ?? {}),
  };
  const chunkSizeBytes = positive(
    'chunkSizeBytes',
    options.chunkSizeBytes ?? Number.POSITIVE_INFINITY,
  );
  const rules: DownloadRules = {
    origins: new Set([endpoint.origin, ...(options.allowedOrigins ?? []).map(originOf)]),
    publicGet:
      options.allowPrivateAddresses === true || options.fetch !== undefined || !isNode()
        ? undefined
        : async (url, init) => (await import('../public-fetch.ts')).publicGet(url, init),
  };
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
  // What stands behind the path of an upload url is a token more often than not; refs live long (contract 1, 10.4).
  const locator = async (url: string, objectKey: ObjectKey): Promise<string | null> =>
    options.locator === undefined ? withoutQuery(url) : options.locator({ url, objectKey });

  return {
    async upload(request, context) {
      const uploadId = idFor(request.objectKey);
      return uploadByTus(await loadTus(), http, request, context, {
        uploadId,
        expectedUrl: urlFor(uploadId),
        chunkSizeBytes,
        locator: (url) => locator(url, request.objectKey),
      });
    },

    async head(objectKey, { handle, signal }): Promise<HeadOutcome> {
      const expected = urlFor(idFor(objectKey));
      for (const url of placesOf(objectKey, handle)) {
        const told = await ask(http, 'head', 'HEAD', url, signal);
        if (!told.ok && told.class === 'resume_lost') continue;
        if (!told.ok) return told;
        const offset = told.answer.headers.get('Upload-Offset');
        if (offset === null || !/^\d{1,15}$/.test(offset)) return badOffset;
        if (offset !== told.answer.headers.get('Upload-Length')) return { ok: true, exists: false };
        const stable = (await locator(url, objectKey)) ?? withoutQuery(url);
        const token = isCapability(url, expected) ? null : url;
        const found = { ok: true, exists: true, sha256: null, token } as const;
        return { ...found, byteSize: Number(offset), url: stable };
      }
      return { ok: true, exists: false };
    },

    async remove(objectKey, { handle, signal }) {
      for (const url of placesOf(objectKey, handle)) {
        const told = await ask(http, 'delete', 'DELETE', url, signal);
        if (!told.ok) return told;
      }
      return { ok: true };
    },

    download: (url, { start, signal }) =>
      downloadByGet(http, rules, url, start === undefined ? { signal } : { start, signal }),
  };
}

const badOffset: Fault = fault(
  'retryable',
  'bad_offset',
  'The server did not say how many bytes it has.',
);

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url !== undefined && web && url.username === '' && url.password === '') return url;
  throw new LadingError(
    'invalid_option',
    'The tus endpoint must be an http(s) url without user name and password; pass credentials by `headers`.',
  );
}

/** What is meant to be an origin must be one: a path in it would look like a limit, and be none. */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) {
    return url.origin;
  }
  throw new LadingError(
    'invalid_option',
    'An allowed origin is scheme, host and port alone, such as https://cdn.example.com.',
  );
}

/** Elsewhere the platform keeps pages out of private networks, or nothing can. */
function isNode(): boolean {
  const { process } = globalThis as {
    readonly process?: { readonly versions?: { readonly node?: string } };
  };
  return process?.versions?.node !== undefined;
}

function withoutQuery(text: string): string {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  return url.href;
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new LadingError('invalid_option', `${name} must be more than 0.`);
}
