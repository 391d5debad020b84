import type { Fault } from '../../../machines/attachment/types.ts';
import { LadingError } from '../../../ports/errors.ts';
import { encodeIdPart } from '../../../ports/id-part.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import type { Transport } from '../transport/exchange.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { patiently } from '../transport/patience.ts';
import type { AddressAsk, HttpAddress, HttpRemoteOptions } from './options.ts';
import type { HttpPhase } from './table.ts';

/** What all requests of one HTTP remote share. */
export interface HttpParts {
  readonly options: HttpRemoteOptions;
  readonly endpoint: URL;
  /** Where objects may be said to be: the endpoint's origin and those that downloads may read. */
  readonly origins: ReadonlySet<string>;
  readonly http: Transport<HttpPhase>;
}

/** Where one request goes, and what to send it with. */
export interface Place {
  readonly url: string;
  readonly http: Transport<HttpPhase>;
  readonly fields: Readonly<Record<string, string>>;
}

/** Asked just before each request. @throws {FaultSignal} the app's function threw, or gave no place. */
export async function placeOf(
  parts: HttpParts,
  ask: AddressAsk,
  signal: AbortSignal,
): Promise<Place> {
  const { options, endpoint } = parts;
  const address = () => options.address?.(ask) ?? defaultUrl(endpoint, ask.objectKey);
  const given = await askApp(parts, address, signal);
  return placeAt(parts, typeof given === 'string' ? { url: given } : given);
}

/** @throws {FaultSignal} it is no http(s) url. */
export function placeAt({ endpoint, http }: HttpParts, address: HttpAddress): Place {
  const url = URL.canParse(address.url, endpoint.href) ? new URL(address.url, endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.password !== '') {
    throw new FaultSignal(noAddress);
  }
  // Credentials never cross an origin (contract 10.3): what another one needs, its address brings.
  const trusted = url.origin === endpoint.origin;
  return {
    url: url.href,
    fields: address.fields ?? {},
    http: {
      ...http,
      headers: async () => ({ ...(trusted ? await http.headers() : {}), ...address.headers }),
    },
  };
}

/**
 * `<account>/<mediaId>` as a part of a url: of ids only, each encoded to `a-z 0-9 - _`, so that nothing in it is a way up
 * or has another meaning where case does not count (contract 10.1). Ids that are of these characters stay as they are.
 * @throws {LadingError} `invalid_id`.
 */
export function objectPath(objectKey: ObjectKey): string {
  return objectKey
    .split('/')
    .map((part) => encodeIdPart(decodeURIComponent(part)))
    .join('/');
}

/** Where an object is, unless the app says otherwise. */
export function defaultUrl(endpoint: URL, objectKey: ObjectKey): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${objectPath(objectKey)}`;
  return url.href;
}

/** What refs store: the app's word, or the url itself. Null leaves it to `attach`. */
export async function locatorOf(
  parts: HttpParts,
  objectKey: ObjectKey,
  url: string | null,
  signal: AbortSignal,
): Promise<string | null> {
  const { locator } = parts.options;
  if (url === null || locator === undefined) return url;
  return askApp(parts, () => locator({ url, objectKey }), signal);
}

/** @throws {FaultSignal} when it threw; its own error may hold a token and goes no further. */
export async function askApp<T>(
  { http }: HttpParts,
  call: () => T | Promise<T>,
  signal: AbortSignal,
  otherwise: Fault = noPlace,
): Promise<T> {
  try {
    return await patiently(http, call, signal);
  } catch (error) {
    if (error instanceof LadingError || error instanceof FaultSignal) throw error;
    throw new FaultSignal(otherwise);
  }
}

const noPlace = fault('retryable', 'address_failed', 'The app could not say where or how to ask.');
const noAddress = fault(
  'terminal',
  'address_invalid',
  'The address must be an http(s) url without user name and password.',
);
