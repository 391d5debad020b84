import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { FaultSignal, fault } from '../transport/faults.ts';
import type { Bucket } from './bucket.ts';
import type { S3Module } from './load.ts';
import type { S3Credentials, S3RemoteOptions } from './options.ts';

/** What our handler gets of the SDK: a request that is serialized and, with credentials, signed. */
export interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The SDK, loaded, and its client. */
export interface SdkClient {
  readonly sdk: S3Module;
  readonly client: S3Client;
  /** What is signed from now on is signed with credentials that are asked for from now on. */
  readonly beginRequest: () => void;
}

/** Sends one request; `call` is what was given to `S3Client.send` beside the command. */
export type SdkHandler = (
  request: SdkRequest,
  call: unknown,
) => Promise<{ readonly response: SdkResponse }>;

/**
 * The SDK with what we do ourselves turned off: it writes and reads requests and signs, and neither sends them, nor sends
 * again, nor adds checksums: its default is one of an empty body where the body comes from elsewhere.
 */
export function createClient(
  sdk: S3Module,
  bucket: Bucket,
  options: Pick<S3RemoteOptions, 'sign'>,
  credentials: () => S3Credentials | Promise<S3Credentials>,
  handle: SdkHandler,
): SdkClient {
  const { provider, beginRequest } = askedEachTime(credentials);
  const client = new sdk.S3Client({
    region: bucket.region,
    endpoint: bucket.endpoint.origin,
    forcePathStyle: bucket.pathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    disableS3ExpressSessionAuth: true,
    // Named by shape: their types are of packages that only the SDK depends on.
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle,
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    } as NonNullable<S3ClientConfig['requestHandler']>,
    logger: SILENT,
    ...(options.sign === undefined
      ? { credentials: provider }
      : { credentials: NOBODY, signer: AS_IT_IS }),
  });
  return { sdk, client, beginRequest };
}

/** The SDK would keep what it was given until it says that it expires; and it asks twice for one request. */
function askedEachTime(
  credentials: () => S3Credentials | Promise<S3Credentials>,
): Pick<SdkClient, 'beginRequest'> & { readonly provider: () => Promise<S3Credentials> } {
  let asked: Promise<S3Credentials> | undefined;
  const ask = async (): Promise<S3Credentials> => {
    try {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
      const token = sessionToken === undefined ? {} : { sessionToken };
      return { accessKeyId, secretAccessKey, ...token };
    } catch (error) {
      if (error instanceof FaultSignal) throw error;
      // Its own error may hold a secret, and goes no further (contract 10.4).
      const message = 'The credentials could not be had.';
      throw new FaultSignal(fault('retryable', 'credentials_failed', message));
    }
  };
  const provider = (): Promise<S3Credentials> => {
    asked ??= ask();
    return asked;
  };
  return {
    provider: Object.assign(provider, { memoized: true }),
    beginRequest() {
      asked = undefined;
    },
  };
}

const NOBODY: S3Credentials = { accessKeyId: 'nobody', secretAccessKey: 'nobody' };

/** Somebody else signs, when it is sent. */
const AS_IT_IS = {
  sign: async (request: unknown) => request,
} as unknown as NonNullable<S3ClientConfig['signer']>;

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
