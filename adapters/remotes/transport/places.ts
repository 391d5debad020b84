import { LadingError } from '../../../ports/errors.ts';
import type { DownloadRules, PublicInit } from './download.ts';
import { isNode } from './platform.ts';

/**
 * Where a remote lives, as its option says.
 * @throws {LadingError} `invalid_option`.
 */
export function endpointOf(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url !== undefined && web && url.username === '' && url.password === '') return url;
  throw new LadingError(
    'invalid_option',
    `The ${name} must be an http(s) url without user name and password; pass credentials by \`headers\`.`,
  );
}

/** `link` as an absolute url, or undefined when it leads to another origin (contract 10.3). */
export function sameOrigin(endpoint: URL, link: string): string | undefined {
  const url = URL.canParse(link, endpoint.href) ? new URL(link, endpoint) : undefined;
  const inside = url?.origin === endpoint.origin && url.username === '' && url.password === '';
  return inside ? url.href : undefined;
}

/** What stands behind the path is a token more often than not, and refs live long (contract 1, 10.4). */
export function withoutQuery(text: string): string {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  return url.href;
}

/** Options of each remote that say where its downloads may read. */
export interface DownloadOptions {
  /** Origins besides the endpoint's from which `download` may read; they get no headers (contract 10.3). */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether those other origins may lie in a private network: this machine, the local net, a cloud's metadata
   * service. The endpoint's own origin may always. Checked in Node, at each connection; a `fetch` of your own decides
   * for itself. Default false (contract 10.3).
   */
  readonly allowPrivateAddresses?: boolean;
  readonly fetch?: typeof globalThis.fetch;
}

/** @throws {LadingError} `invalid_option`. */
export function downloadRules(endpoint: URL, options: DownloadOptions): DownloadRules {
  return {
    endpoint,
    origins: new Set([endpoint.origin, ...(options.allowedOrigins ?? []).map(originOf)]),
    publicGet:
      options.allowPrivateAddresses === true || options.fetch !== undefined || !isNode()
        ? undefined
        : async (url: URL, init: PublicInit) =>
            (await import('../public-fetch.ts')).publicGet(url, init),
  };
}

/** @throws {LadingError} `invalid_option`. */
export function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new LadingError('invalid_option', `${name} must be more than 0.`);
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
