import type { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import type { Clock } from '../../../ports/clock.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { patiently } from '../transport/patience.ts';
import type { SdkRequest } from './client.ts';
import type { S3Sign, S3SignRequest } from './options.ts';

export interface SignedRequest {
  readonly url: URL;
  readonly headers: Headers;
}

/**
 * A request as the app signs it, now. It must be the one that was asked for: a url of another part, taken from a cache,
 * would put bytes in the wrong place.
 * @param plain where the request goes without a signature.
 * @throws {FaultSignal}
 */
export async function signedByApp(
  sign: S3Sign,
  request: S3SignRequest,
  plain: URL,
  origins: ReadonlySet<string>,
  patience: { readonly clock: Clock; readonly stallMs: number },
  signal: AbortSignal,
): Promise<SignedRequest> {
  const answer = await ask(() => patiently(patience, () => sign(request), signal));
  const url = URL.canParse(answer.url) ? new URL(answer.url) : undefined;
  const isAllowed = url !== undefined && url.username === '' && url.password === '';
  if (!isAllowed || !origins.has(url.origin)) throw refused('origin_refused', ORIGIN_REFUSED);
  if (!isMeant(url, request, plain)) throw refused('sign_mismatch', MISMATCH);
  const headers = new Headers();
  const signed = signedHeadersOf(url);
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith('x-amz-') || signed.has(name)) headers.set(name, value);
  }
  try {
    for (const [name, value] of Object.entries(answer.headers ?? {})) headers.set(name, value);
  } catch {
    throw new FaultSignal(UNSIGNED); // what the platform throws repeats the value
  }
  headers.delete('host');
  headers.delete('content-length'); // of the bytes that are sent
  return { url, headers };
}

async function ask(sign: () => ReturnType<S3Sign>) {
  let answer: unknown;
  try {
    answer = await sign();
  } catch (error) {
    // Its own error may hold a secret, and goes no further (contract 10.4).
    throw error instanceof FaultSignal ? error : new FaultSignal(UNSIGNED);
  }
  // It comes from a server as often as not: JSON of whatever shape.
  if (v.is(refusal, answer)) throw new FaultSignal(answer);
  if (!v.is(signed, answer)) throw new FaultSignal(UNSIGNED);
  return answer;
}

const UNSIGNED = fault('retryable', 'sign_failed', 'The request could not be signed by the app.');
const signed = v.object({ url: v.string(), headers: v.nullish(v.record(v.string(), v.string())) });
const refusal = v.object({
  ok: v.literal(false),
  class: v.picklist(['retryable', 'offline', 'auth', 'terminal']),
  code: v.string(),
  message: v.exactOptional(v.string()),
  retryAfterMs: v.exactOptional(v.number()),
});

function isMeant(url: URL, request: S3SignRequest, plain: URL): boolean {
  const sameQuery = Object.entries(request.query).every(
    ([name, value]) => name === 'x-id' || url.searchParams.get(name) === value,
  );
  // A gateway on another origin may have paths of its own.
  return sameQuery && (url.origin !== plain.origin || url.pathname === plain.pathname);
}

/** Stores refuse `x-amz-` headers that nobody signed. */
function signedHeadersOf(url: URL): ReadonlySet<string> {
  const names = url.searchParams.get('X-Amz-SignedHeaders') ?? '';
  return new Set(names.toLowerCase().split(';'));
}

function refused(code: string, message: string): FaultSignal {
  return new FaultSignal(fault('terminal', code, message));
}

const ORIGIN_REFUSED =
  'The app signed a url of an origin that is neither the bucket’s nor among allowedOrigins.';
const MISMATCH = 'The app signed another request than it was asked for.';

/** How long a signature of headers is good for. */
export const HEADERS_LIFE_MS = 15 * 60_000;
/** The longest that a presigned url may live. */
export const LONGEST_LIFE_MS = 7 * 24 * 60 * 60_000;

/**
 * A request as the device presigns it. Its payload is not signed, as everywhere with presigned urls; the checksum of it is,
 * and so is what else the request says.
 * @param headers those of the request, without a signature.
 */
export async function presignedByDevice(
  { config }: S3Client,
  { method, protocol, hostname, port, path, query = {} }: SdkRequest,
  headers: Headers,
  { atMs, lifeMs }: { readonly atMs: number; readonly lifeMs: number },
): Promise<Pick<SdkRequest, 'query'>> {
  // Named by shape: its types are of packages that only the SDK depends on.
  const signer = (await (config.signer as () => Promise<unknown>)()) as Presigner;
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  const place = { protocol, hostname, path, ...(port === undefined ? {} : { port }) };
  return signer.presign(
    {
      ...place,
      method,
      query,
      headers: { ...Object.fromEntries(headers), host, [PAYLOAD]: 'UNSIGNED-PAYLOAD' },
    },
    {
      expiresIn: Math.floor(lifeMs / 1000),
      signingDate: new Date(atMs),
      // In the url they would be no headers, which stores look at.
      unhoistableHeaders: new Set(headers.keys()),
    },
  );
}

const PAYLOAD = 'X-Amz-Content-Sha256';

interface Presigner {
  presign(
    request: SdkRequest,
    options: {
      readonly expiresIn: number;
      readonly signingDate: Date;
      readonly unhoistableHeaders: ReadonlySet<string>;
    },
  ): Promise<SdkRequest>;
}
