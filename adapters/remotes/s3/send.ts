import type { Fault } from '../../../machines/attachment/types.ts';
import { type Answer, ask, type Transport } from '../transport/exchange.ts';
import { FaultSignal, fault, faultOf } from '../transport/faults.ts';
import { isOutdated } from '../transport/hand-over.ts';
import type { Piece } from '../transport/piece.ts';
import type { Bucket } from './bucket.ts';
import type { SdkClient, SdkHandler, SdkRequest } from './client.ts';
import { sha256Of } from './hex.ts';
import type { Shapes } from './operations.ts';
import type { S3Credentials, S3Operation, S3RemoteOptions, S3Sign } from './options.ts';
import { HEADERS_LIFE_MS, presignedByDevice, type SignedRequest, signedByApp } from './presign.ts';

/** What every request of one S3 remote shares. */
export interface S3Parts {
  readonly options: S3RemoteOptions;
  readonly bucket: Bucket;
  readonly http: Transport<S3Operation>;
  /** Where a request may go. */
  readonly origins: ReadonlySet<string>;
  /** Loaded and made once. */
  sdk(): Promise<SdkClient>;
  /**
   * What an answer means, and what it says of this device's clock.
   * @param begunAtMs when its request began; undefined: nobody knows.
   */
  judge(operation: S3Operation, answer: Answer, begunAtMs: number | undefined): Fault | null;
  /** What this remote has learnt of its store. */
  readonly learnt: {
    refusesConditions: boolean;
    /** A PUT was answered that settled it. */
    isKnown: boolean;
    /** A carried PUT was cut off before that. */
    wasCutOff: boolean;
  };
  /** Signs with these from now on; null: with none. */
  hold(credentials: S3Credentials | null): void;
  /** Entries in a page of a listing. Default: the store's, 1,000. */
  readonly pageSize?: number | undefined;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** The body, instead of one that the SDK would make of the input. */
  readonly piece?: Piece | undefined;
  /** SHA-256 of the piece, lower-case hex: a store that checks signatures refuses other bytes. */
  readonly sha256?: string | undefined;
  readonly onSent?: ((bytes: number) => void) | undefined;
  /** The store is asked whether it wants the piece, however small it is. */
  readonly asksFirst?: boolean;
  /** It is signed for a carrier, and may begin much later. */
  readonly isCarried?: boolean;
}

export type Told<Operation extends S3Operation> =
  | { readonly ok: true; readonly output: Shapes[Operation]['output'] }
  | Fault;

/** A call on its way through the SDK. */
interface Call extends CallOptions {
  readonly operation: S3Operation;
  readonly key: string;
  /** Only the request is wanted; it is thrown as {@link SignedSignal}. */
  readonly isUnsent: boolean;
  answered: boolean;
}

/** A listing of 1,000 uploads with the longest keys is smaller. */
const LONGEST_LISTING = 4 * 1024 * 1024;
const LONGEST_ANSWER = 64 * 1024;
/** While a store puts the parts together it says so by spaces, for minutes where they are many. */
const COMPLETION_MS = 15 * 60_000;
/** Sent in vain, it costs more than a round trip. */
const LARGE_BODY_BYTES = 1024 * 1024;

/**
 * One operation, by one request. A signature that came too late is made anew and the request sent once more: then the
 * clock has been set right by the answer, and the app is asked for another url.
 */
export async function call<Operation extends S3Operation>(
  parts: S3Parts,
  operation: Operation,
  input: Shapes[Operation]['input'],
  options: CallOptions,
): Promise<Told<Operation>> {
  const told = await once(parts, operation, input, options);
  return told.ok || !isOutdated(told) ? told : once(parts, operation, input, options);
}

/** Where the SDK or the app would send it now. @throws {FaultSignal} */
export async function signed<Operation extends S3Operation>(
  parts: S3Parts,
  operation: Operation,
  input: Shapes[Operation]['input'],
  options: Pick<CallOptions, 'signal' | 'sha256' | 'isCarried'>,
): Promise<SignedRequest> {
  try {
    await run(parts, operation, input, { ...options, isUnsent: true });
  } catch (error) {
    if (error instanceof SignedSignal) return error.request;
    throw error;
  }
  throw new Error('A request that was only to be signed was sent.');
}

async function once<Operation extends S3Operation>(
  parts: S3Parts,
  operation: Operation,
  input: Shapes[Operation]['input'],
  options: CallOptions,
): Promise<Told<Operation>> {
  try {
    const output = await run(parts, operation, input, { ...options, isUnsent: false });
    return { ok: true, output };
  } catch (error) {
    if (error instanceof FaultSignal) return error.fault;
    throw error;
  }
}

/** @throws {FaultSignal} and {@link SignedSignal}; anything else is a bug. */
async function run<Operation extends S3Operation>(
  parts: S3Parts,
  operation: Operation,
  input: Shapes[Operation]['input'],
  options: CallOptions & { readonly isUnsent: boolean },
): Promise<Shapes[Operation]['output']> {
  const { sdk, client, beginRequest } = await parts.sdk();
  const key = 'Key' in input ? input.Key : 'Prefix' in input ? input.Prefix : undefined;
  const flight: Call = { ...options, operation, key: key ?? '', answered: false };
  // Ten commands with the same shape; the SDK's types tell each apart, and none of them as one.
  const Command = sdk[`${operation}Command`] as unknown as new (given: unknown) => AnyCommand;
  const command = new Command({ ...input, Bucket: parts.bucket.name });
  const { sha256 } = options;
  if (sha256 !== undefined) {
    command.middlewareStack.add(
      (next) => (step) => {
        step.request.headers['x-amz-content-sha256'] = sha256;
        return next(step);
      },
      { step: 'build' },
    );
  }
  beginRequest();
  try {
    return await (client.send as unknown as AnySend).call(client, command, flight);
  } catch (error) {
    if (error instanceof SignedSignal || error instanceof FaultSignal) throw error;
    // Answers were classified before the SDK read them: this one promised to be right.
    if (flight.answered) throw new FaultSignal(BAD_ANSWER);
    const reason = faultOf(error);
    throw reason.code === 'network' ? error : new FaultSignal(reason);
  }
}

interface AnyCommand {
  readonly middlewareStack: {
    add(
      middleware: (next: (step: Step) => Promise<unknown>) => (step: Step) => Promise<unknown>,
      options: { readonly step: 'build' },
    ): void;
  };
}
interface Step {
  readonly request: { readonly headers: Record<string, string> };
}
type AnySend = (command: AnyCommand, flight: Call) => Promise<never>;

/** Sends what the SDK made, by our transport. The SDK sees successes only. */
export function handlerOf(parts: S3Parts): SdkHandler {
  const { http } = parts;
  return async (request, given) => {
    const flight = given as Call;
    const { sign } = parts.options;
    const plain = urlOf(request);
    const { url, headers } =
      sign === undefined
        ? await byDevice(parts, request, flight, plain)
        : await byApp(parts, sign, request, flight, plain);
    if (flight.isUnsent) throw new SignedSignal({ url, headers });
    const piece = flight.piece ?? pieceOfBody(request.body);
    const size = piece?.size ?? 0;
    const isListing = flight.operation.startsWith('List');
    const told = await ask(http, flight.operation, {
      method: request.method,
      url: url.href,
      headers: Object.fromEntries(headers),
      signal: flight.signal,
      piece,
      // Nothing is not asked about (RFC 9110, 10.1.1).
      expectContinue: size > 0 && (flight.asksFirst === true || size >= LARGE_BODY_BYTES),
      onSent: flight.onSent,
      answerMs: flight.operation === 'CompleteMultipartUpload' ? COMPLETION_MS : undefined,
      longestBody: isListing ? LONGEST_LISTING : LONGEST_ANSWER,
    });
    if (!told.ok) throw new FaultSignal(told);
    flight.answered = true;
    return { response: responseOf(told.answer) };
  };
}

/** As the SDK signed it, in its headers; or presigned, where a carrier may wait for longer than those are good for. */
async function byDevice(
  parts: S3Parts,
  request: SdkRequest,
  { isCarried = false }: Call,
  plain: URL,
): Promise<SignedRequest> {
  const headers = sendable(request);
  const { carriedForMs: lifeMs = HEADERS_LIFE_MS } = parts.options;
  if (!isCarried || lifeMs <= HEADERS_LIFE_MS) return { url: plain, headers };
  for (const name of [...OF_THE_SDK, ...OF_THE_SIGNATURE]) headers.delete(name);
  const { client } = await parts.sdk();
  const atMs = parts.http.clock.now() + client.config.systemClockOffset;
  const { query } = await presignedByDevice(client, request, headers, { atMs, lifeMs });
  return { url: urlOf({ ...request, ...(query === undefined ? {} : { query }) }), headers };
}

async function byApp(
  parts: S3Parts,
  sign: S3Sign,
  request: SdkRequest,
  { operation, key, signal, isCarried }: Call,
  plain: URL,
): Promise<SignedRequest> {
  const headers = Object.fromEntries(sendable(request));
  for (const name of OF_THE_SDK) delete headers[name];
  headers['x-amz-content-sha256'] ??= await sha256Of(bytesOf(request.body));
  const query = Object.fromEntries(plain.searchParams);
  const { method } = request;
  const isLater = isCarried === true ? { isCarried } : {};
  const { name: bucket } = parts.bucket;
  const asked = { operation, method, bucket, key, query, headers, ...isLater };
  return signedByApp(sign, asked, plain, parts.origins, parts.http, signal);
}

/** Nothing that a store looks at. */
const OF_THE_SDK = ['amz-sdk-invocation-id', 'amz-sdk-request', 'x-amz-user-agent'];

/** What a signature of headers adds to them, and what it is made of that a presigned url says itself. */
const OF_THE_SIGNATURE = [
  'authorization',
  'content-length',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
];

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value ?? '')]);
  // As signatures are made of it: a space is %20, and neither ! ' ( ) nor * are left as they are.
  url.search = pairs.map((pair) => pair.map(escaped).join('=')).join('&');
  return url;
}

function escaped(text = ''): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What only says something about the SDK's own retries, and what the transport writes itself, stays here. */
function sendable({ headers }: SdkRequest): Headers {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (key !== 'host' && key !== 'user-agent') kept.set(key, value);
  }
  return kept;
}

function pieceOfBody(body: unknown): Piece | undefined {
  const bytes = bytesOf(body);
  if (bytes.byteLength === 0) return undefined;
  return {
    size: bytes.byteLength,
    async *open() {
      yield bytes;
    },
  };
}

function bytesOf(body: unknown): Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  return body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array();
}

function responseOf({ status, headers, body }: Answer) {
  // What is gone already is as good as removed: nothing in it is to be read.
  if (status >= 300) return { statusCode: 204, headers: {}, body: new Uint8Array() };
  return {
    statusCode: status,
    headers: Object.fromEntries(headers),
    body: new TextEncoder().encode(body),
  };
}

/** Carries a signed request out of the SDK. */
class SignedSignal extends Error {
  override readonly name = 'SignedSignal';
  readonly request: SignedRequest;

  constructor(request: SignedRequest) {
    super('signed');
    this.request = request;
  }
}

const BAD_ANSWER = fault('retryable', 'bad_answer', 'The answer of the store can not be read.');
