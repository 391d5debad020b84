import type { S3Operation } from 'lading/remotes/s3';
import { S3_OPERATIONS } from '../../adapters/remotes/s3/operations.ts';

/** An answer of a store, and what it means to some operations. */
export interface AnswerCase {
  readonly of: readonly S3Operation[];
  readonly status: number;
  /** The code of an error document; null: no document. */
  readonly code: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the document. */
  readonly body?: string;
  /** `class code`, or `ok`. */
  readonly means: string;
}

export const ALL: readonly S3Operation[] = S3_OPERATIONS;
const BODIED = ALL.filter((operation) => operation !== 'HeadObject');
const SESSION = ['UploadPart', 'ListParts', 'CompleteMultipartUpload'] as const;
const CREATING = ['PutObject', 'CompleteMultipartUpload'] as const;
const REMOVING = ['DeleteObject', 'AbortMultipartUpload'] as const;
const LOOKING = ['HeadObject', 'GetObject'] as const;
const WITH_ETAG = ['PutObject', 'UploadPart', 'HeadObject'] as const;
const WITH_XML = [
  'CreateMultipartUpload',
  'ListParts',
  'CompleteMultipartUpload',
  'ListMultipartUploads',
] as const;

const PAGE = { 'Content-Type': 'text/html; charset=utf-8' };
const HTML = '<!doctype html><title>Wi-Fi</title>';

/** A code means the same with any status that it may come with; HEAD has no body and so no code. */
const coded = (
  code: string,
  status: number,
  means: string,
  of: readonly S3Operation[] = BODIED,
): AnswerCase => ({ of, status, code, means });

const plain = (
  status: number,
  means: string,
  of: readonly S3Operation[] = ALL,
  more: Pick<AnswerCase, 'headers' | 'body'> = {},
): AnswerCase => ({ of, status, code: null, means, ...more });

const without = (all: readonly S3Operation[], ...these: readonly S3Operation[]) =>
  all.filter((operation) => !these.includes(operation));

/** Written by hand, from the pages of Amazon S3 and Ceph: what the table must come to. */
export const ANSWERS: readonly AnswerCase[] = [
  coded('NoSuchUpload', 404, 'resume_lost upload_gone', SESSION),
  coded('NoSuchUpload', 404, 'ok', ['AbortMultipartUpload']),
  coded('NoSuchKey', 404, 'resume_lost upload_gone', SESSION),
  coded('NoSuchKey', 404, 'absent remote_missing', ['GetObject']),
  coded('NoSuchKey', 404, 'ok', REMOVING),
  coded('NoSuchBucket', 404, 'terminal bucket_missing'),
  coded('EntityTooSmall', 400, 'resume_lost part_too_small', ['CompleteMultipartUpload']),
  coded('InvalidPart', 400, 'retryable part_refused', SESSION),
  coded('InvalidPartOrder', 400, 'retryable part_refused', SESSION),
  coded('EntityTooLarge', 400, 'terminal too_large'),
  coded('QuotaExceeded', 403, 'retryable remote_full'),
  coded('ExpiredToken', 400, 'auth credentials_expired'),
  coded('TokenRefreshRequired', 400, 'auth credentials_expired'),
  coded('InvalidToken', 400, 'auth token_invalid'),
  coded('InvalidAccessKeyId', 403, 'auth access_key_unknown'),
  coded('SignatureDoesNotMatch', 403, 'auth signature_refused'),
  coded('ExpiredRequest', 403, 'auth url_expired'),
  coded('RequestTimeTooSkewed', 403, 'auth clock_skewed'),
  coded('AuthorizationHeaderMalformed', 400, 'terminal wrong_region'),
  coded('PermanentRedirect', 301, 'terminal wrong_region'),
  coded('TemporaryRedirect', 307, 'terminal wrong_region'),
  coded('BadDigest', 400, 'retryable checksum_refused'),
  coded('XAmzContentSHA256Mismatch', 400, 'retryable checksum_refused'),
  coded('IncompleteBody', 400, 'retryable checksum_refused'),
  coded('ConditionalRequestConflict', 409, 'retryable conditional_conflict'),
  coded('OperationAborted', 409, 'retryable conditional_conflict'),
  coded('PreconditionFailed', 412, 'terminal conflict', CREATING),
  coded('RequestTimeout', 400, 'retryable request_timeout'),
  coded('SlowDown', 503, 'retryable slow_down'),
  coded('InternalError', 500, 'retryable server_error'),
  coded('NotImplemented', 501, 'terminal not_implemented'),
  coded('AccessDenied', 403, 'terminal forbidden'),
  plain(403, 'auth url_expired', BODIED, {
    body: '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
  }),
  coded('AuthorizationQueryParametersError', 400, 'auth signature_refused'),
  coded('SomethingNew', 403, 'terminal forbidden'),
  coded('MalformedXML', 400, 'terminal bad_request'),
  // Found out too late for a status.
  coded('InternalError', 200, 'retryable server_error', ['CompleteMultipartUpload']),
  coded('SlowDown', 200, 'retryable slow_down', ['CompleteMultipartUpload']),
  coded('NoSuchUpload', 200, 'resume_lost upload_gone', ['CompleteMultipartUpload']),
  coded('PreconditionFailed', 200, 'terminal conflict', ['CompleteMultipartUpload']),
  coded('SomethingNew', 200, 'retryable server_error', ['CompleteMultipartUpload']),

  // Success that is none.
  plain(200, 'retryable not_the_remote', without(ALL, 'GetObject'), { headers: PAGE, body: HTML }),
  plain(200, 'retryable not_the_remote', WITH_ETAG),
  plain(200, 'retryable not_the_remote', WITH_XML),
  plain(200, 'retryable not_the_remote', WITH_XML, { body: '<Other/>' }),
  ...(
    [
      ['CreateMultipartUpload', 'InitiateMultipartUploadResult'],
      ['ListParts', 'ListPartsResult'],
      ['CompleteMultipartUpload', 'CompleteMultipartUploadResult'],
      ['ListMultipartUploads', 'ListMultipartUploadsResult'],
    ] as const
  ).flatMap(([operation, root]) => [
    plain(200, 'ok', [operation], { body: `<?xml version="1.0"?>\n<${root}></${root}>` }),
    plain(200, 'retryable answer_cut_short', [operation], { body: `<${root}><Bucket>tes` }),
  ]),
  plain(200, 'ok', WITH_ETAG, { headers: { ETag: '"1"' } }),
  plain(204, 'ok', REMOVING),
  plain(204, 'ok', REMOVING, { headers: PAGE }),

  // Elsewhere.
  plain(301, 'terminal wrong_region', ALL, { headers: { 'x-amz-bucket-region': 'eu-west-1' } }),
  plain(400, 'terminal wrong_region', ['HeadObject'], {
    headers: { 'x-amz-bucket-region': 'eu-west-1' },
  }),
  plain(302, 'retryable not_the_remote', ALL, { headers: { Location: 'http://portal.test/' } }),
  plain(302, 'retryable not_the_remote', ALL),
  plain(307, 'terminal redirect_refused', ALL, { headers: { Location: '/elsewhere' } }),

  // Statuses, where no document says more.
  plain(400, 'terminal bad_request', without(ALL, 'HeadObject')),
  plain(401, 'auth unauthorized'),
  plain(403, 'terminal forbidden'),
  // The clock is set by this one, and the next one believed.
  plain(403, 'terminal forbidden', ALL, { headers: { Date: new Date(0).toUTCString() } }),
  plain(404, 'absent remote_missing', LOOKING),
  plain(404, 'ok', REMOVING),
  plain(404, 'terminal endpoint_missing', without(ALL, ...LOOKING, ...REMOVING)),
  plain(405, 'terminal method_refused'),
  plain(407, 'retryable not_the_remote'),
  plain(408, 'retryable request_timeout'),
  plain(409, 'terminal conflict', CREATING),
  plain(409, 'retryable conflict', without(ALL, ...CREATING)),
  plain(410, 'terminal http_410'),
  plain(412, 'terminal conflict', CREATING),
  plain(412, 'terminal precondition_failed', without(ALL, ...CREATING)),
  plain(413, 'terminal too_large'),
  plain(415, 'terminal unsupported_type'),
  plain(416, 'terminal range_refused'),
  plain(422, 'terminal unprocessable'),
  plain(423, 'retryable locked'),
  plain(425, 'retryable too_early'),
  plain(429, 'retryable too_many_requests'),
  plain(500, 'retryable server_error'),
  plain(501, 'terminal not_implemented'),
  plain(502, 'retryable server_error'),
  plain(503, 'retryable server_error'),
  plain(504, 'retryable server_error'),
  plain(507, 'retryable remote_full'),
  plain(511, 'retryable not_the_remote'),

  // Pages for people.
  plain(403, 'retryable not_the_remote', ALL, { headers: PAGE, body: HTML }),
  plain(404, 'retryable not_the_remote', without(ALL, 'GetObject'), { headers: PAGE, body: HTML }),
  plain(451, 'retryable not_the_remote', ALL, { headers: PAGE, body: HTML }),
  plain(413, 'terminal too_large', ALL, { headers: PAGE, body: HTML }),
  plain(502, 'retryable server_error', ALL, { headers: PAGE, body: HTML }),
];
