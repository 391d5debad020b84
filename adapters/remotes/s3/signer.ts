import * as v from 'valibot';
import type { Fault } from '../../../machines/attachment/types.ts';
import { objectKeyOf, s3KeyPrefix } from '../s3-keys.ts';
import { fault } from '../transport/faults.ts';
import { S3_OPERATIONS, type Shapes } from './operations.ts';
import type { S3Operation, S3RemoteOptions, S3Signed } from './options.ts';
import { partsOf } from './parts.ts';
import { signed } from './send.ts';

export interface S3SignerOptions
  extends Pick<S3RemoteOptions, 'bucket' | 'region' | 'endpoint' | 'pathStyle' | 'prefix'> {
  /** Those of the server; they never leave it. */
  readonly credentials: NonNullable<S3RemoteOptions['credentials']>;
}

/**
 * The server's half of `sign`: signs what a device asks for, if it is one of the operations that Lading makes, on an
 * object of this account. All else is refused, as a value that is the device's answer.
 *
 * Signatures are of the headers, with the hash of the body: a store takes no other bytes. They are good for a quarter of
 * an hour.
 * @param account whose device it is, as the server knows it: never as the request says.
 */
export type S3Signer = (
  request: unknown,
  account: { readonly accountId: string },
) => Promise<S3Signed | Fault>;

/**
 * @throws {LadingError} `invalid_option`; later, from the signer: `sdk_missing` without `@aws-sdk/client-s3`.
 * @example
 * ```ts
 * const sign = s3Signer({ bucket: 'attachments', region: 'eu-central-1', credentials: fromEnv() })
 * app.post('/sign', async (request, response) => {
 *   response.json(await sign(request.body, { accountId: request.session.accountId }))
 * })
 * ```
 */
export function s3Signer(options: S3SignerOptions): S3Signer {
  const parts = partsOf(options);
  const { name, prefix } = parts.bucket;
  return async (request, { accountId }) => {
    const parsed = v.safeParse(asked, request);
    if (!parsed.success) return REFUSED;
    const { operation, bucket, key, query, headers } = parsed.output;
    const ofAccount = s3KeyPrefix(prefix, accountId);
    const isObject = key.startsWith(ofAccount) && objectKeyOf(prefix, key) !== undefined;
    const isListing = operation === 'ListMultipartUploads' && key === ofAccount;
    if (bucket !== name || !(isObject || isListing)) return REFUSED;
    const input = inputs[operation]({ key, query, headers });
    const { signal } = new AbortController();
    const sha256 = headers['x-amz-content-sha256'];
    const { url, headers: made } = await signed(parts, operation, input, { signal, sha256 });
    return { url: url.href, headers: Object.fromEntries(made) };
  };
}

const text = v.pipe(v.string(), v.maxLength(2_048));
const asked = v.object({
  operation: v.picklist(S3_OPERATIONS),
  bucket: text,
  key: text,
  query: v.record(text, text),
  headers: v.intersect([
    v.record(text, text),
    v.object({ 'x-amz-content-sha256': v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
  ]),
});

interface Asked {
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** What is signed is made anew from what was asked: a header that is not named here is not signed. */
const inputs: { readonly [O in S3Operation]: (ask: Asked) => Shapes[O]['input'] } = {
  PutObject: (ask) => ({
    ...object(ask),
    ...condition(ask),
    ...given('ContentLength', number(ask.headers['content-length'])),
    ...given('ChecksumSHA256', ask.headers['x-amz-checksum-sha256']),
  }),
  HeadObject: (ask) => ({
    Key: ask.key,
    ...(ask.headers['x-amz-checksum-mode'] === undefined ? {} : { ChecksumMode: 'ENABLED' }),
  }),
  GetObject: ({ key, headers }) => ({ Key: key, ...given('Range', headers['range']) }),
  DeleteObject: ({ key }) => ({ Key: key }),
  CreateMultipartUpload: object,
  UploadPart: (ask) => ({
    ...session(ask),
    PartNumber: number(ask.query['partNumber']),
    ...given('ContentLength', number(ask.headers['content-length'])),
  }),
  ListParts: (ask) => ({
    ...session(ask),
    ...given('PartNumberMarker', ask.query['part-number-marker']),
    ...given('MaxParts', number(ask.query['max-parts'])),
  }),
  CompleteMultipartUpload: (ask) => ({ ...session(ask), ...condition(ask) }),
  AbortMultipartUpload: session,
  ListMultipartUploads: ({ key, query }) => ({
    Prefix: key,
    ...given('KeyMarker', query['key-marker']),
    ...given('UploadIdMarker', query['upload-id-marker']),
    ...given('MaxUploads', number(query['max-uploads'])),
  }),
};

function object({ key, headers }: Asked) {
  const sha256 = headers['x-amz-meta-sha256'];
  return {
    Key: key,
    ContentType: headers['content-type'],
    ContentDisposition: 'attachment',
    ...(sha256 === undefined ? {} : { Metadata: { sha256 } }),
  };
}

function session({ key, query }: Asked) {
  return { Key: key, UploadId: query['uploadId'] };
}

function condition({ headers }: Asked) {
  return headers['if-none-match'] === '*' ? { IfNoneMatch: '*' } : {};
}

function given<Name extends string, Value>(name: Name, value: Value | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in Name]?: Value };
}

function number(digits: string | undefined): number | undefined {
  return digits !== undefined && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}

const REFUSED = fault('terminal', 'sign_refused', 'The server does not sign this request.');
