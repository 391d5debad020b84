import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { isPrivateAddress } from './private-address.ts';

/** Thrown when a host is, or resolves to, an address of a private network. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';
}

/** Thrown for a status that no `Response` may have: below 200, or above 599. */
export class OddStatusError extends Error {
  override readonly name = 'OddStatusError';
  readonly status: number;

  constructor(status: number) {
    super(`The answer has the status ${status}.`);
    this.status = status;
  }
}

/** Statuses whose `Response` takes no body (fetch.spec.whatwg.org, null body status). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

type Answered = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;
export type LookupAll = (
  host: string,
  options: LookupOptions & { readonly all: true },
  answered: Answered,
) => void;

/**
 * A GET that reaches no private address (contract 10.3). The address is checked where it is used, in the lookup of the
 * connection itself: a name that says something else the second time it is asked (DNS rebinding) gains nothing.
 * Follows no redirect, and reuses no connection that others opened.
 * @throws {PrivateAddressError} @throws {OddStatusError} What the connection throws.
 */
export function publicGet(
  url: URL,
  init: { readonly headers: Headers; readonly signal: AbortSignal; readonly lookup?: LookupAll },
): Promise<Response> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isPrivateAddress(host)) return Promise.reject(refused());
  const request = url.protocol === 'https:' ? requestSecure : requestPlain;
  // Bytes as they are: what is counted and hashed is what arrives.
  const headers = { 'accept-encoding': 'identity', ...Object.fromEntries(init.headers) };
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      headers,
      agent: false,
      signal: init.signal,
      lookup: publicLookup(init.lookup ?? systemLookup),
    });
    sent.on('error', reject);
    // A 101 that nobody asked for ends so: Node tells neither an answer nor an error.
    sent.on('close', () => reject(new Error('The connection ended without an answer.')));
    sent.on('response', (answer) => {
      // Whatever a foreign host makes fail in here would end the process.
      try {
        resolve(asResponse(answer));
      } catch (error) {
        reject(error);
        sent.destroy();
      }
    });
    sent.end();
  });
}

/** @throws {OddStatusError} */
function asResponse(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 0;
  if (status < 200 || status > 599) throw new OddStatusError(status);
  const init = { status, headers: headersOf(answer.headers) };
  if (!WITHOUT_BODY.has(status)) {
    return new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, init);
  }
  answer.destroy(); // a host may send bytes without end where there are none to be
  return new Response(null, init);
}

/** One private address among several is enough to refuse: which one is taken is chance. */
function publicLookup(lookup: LookupAll) {
  return (
    host: string,
    options: LookupOptions,
    answered: (
      error: NodeJS.ErrnoException | null,
      address: string | LookupAddress[],
      family?: number,
    ) => void,
  ): void => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return answered(error, []);
      const [first] = addresses;
      if (first === undefined || addresses.some(({ address }) => isPrivateAddress(address))) {
        return answered(refused(), []);
      }
      if (options.all === true) answered(null, addresses);
      else answered(null, first.address, first.family);
    });
  };
}

function headersOf(raw: Readonly<Record<string, string | readonly string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
}

function refused(): PrivateAddressError {
  return new PrivateAddressError('The host is in a private network.');
}
