import type { Fault } from '../../../machines/attachment/types.ts';
import { clockSkewed, htmlPage, leadsAway, urlExpired } from '../transport/conditions.ts';
import type { Answer } from '../transport/exchange.ts';
import { faultOfVerdict, PORTAL, type Verdict } from '../transport/statuses.ts';
import { OTHER_REFUSAL, type Row, statusRows, verdictBy } from '../transport/table.ts';
import {
  anError,
  cutShort,
  noDocument,
  noETag,
  otherRegion,
  says,
  saysExpired,
} from './conditions.ts';
import { S3_OPERATIONS as ALL } from './operations.ts';
import type { S3Operation } from './options.ts';

const OF_A_SESSION = ['UploadPart', 'ListParts', 'CompleteMultipartUpload'] as const;
const CREATING = ['PutObject', 'CompleteMultipartUpload'] as const;
const WITH_ETAG = ['PutObject', 'UploadPart', 'HeadObject'] as const;
const WITH_DOCUMENT = [
  'CreateMultipartUpload',
  'ListParts',
  'CompleteMultipartUpload',
  'ListMultipartUploads',
] as const;
const REMOVING = ['DeleteObject', 'AbortMultipartUpload'] as const;
const GONE: Verdict = ['resume_lost', 'upload_gone'];

/** What a store says by an error code, whatever the status is: also 200, where it found out too late. */
const ANY_STATUS = [200, 599] as const;

const byCode: readonly Row<S3Operation>[] = [
  coded(['NoSuchUpload'], GONE, OF_A_SESSION),
  coded(['NoSuchUpload'], null, ['AbortMultipartUpload']),
  coded(['NoSuchBucket'], ['terminal', 'bucket_missing']),
  coded(['EntityTooSmall'], ['resume_lost', 'part_too_small'], ['CompleteMultipartUpload']),
  coded(['InvalidPart', 'InvalidPartOrder'], ['retryable', 'part_refused'], OF_A_SESSION),
  coded(['EntityTooLarge', 'MaxMessageLengthExceeded'], ['terminal', 'too_large']),
  coded(['QuotaExceeded', 'InsufficientStorage'], ['retryable', 'remote_full']),
  coded(['ExpiredToken', 'TokenRefreshRequired'], ['auth', 'credentials_expired']),
  coded(['InvalidToken'], ['auth', 'token_invalid']),
  coded(['InvalidAccessKeyId'], ['auth', 'access_key_unknown']),
  coded(
    ['SignatureDoesNotMatch', 'AuthorizationQueryParametersError'],
    ['auth', 'signature_refused'],
  ),
  coded(['ExpiredRequest', 'RequestExpired'], ['auth', 'url_expired']),
  coded(['RequestTimeTooSkewed'], ['auth', 'clock_skewed']),
  coded(['AuthorizationHeaderMalformed', 'IncorrectEndpoint'], ['terminal', 'wrong_region']),
  coded(
    ['PermanentRedirect', 'TemporaryRedirect', 'Redirect', 'IllegalLocationConstraintException'],
    ['terminal', 'wrong_region'],
  ),
  coded(
    ['BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody', 'InvalidDigest'],
    ['retryable', 'checksum_refused'],
  ),
  coded(['ConditionalRequestConflict', 'OperationAborted'], ['retryable', 'conditional_conflict']),
  coded(['PreconditionFailed'], ['terminal', 'conflict'], CREATING),
  coded(['RequestTimeout'], ['retryable', 'request_timeout']),
  coded(
    ['SlowDown', 'TooManyRequests', 'RequestLimitExceeded', 'Throttling', 'BandwidthLimitExceeded'],
    ['retryable', 'slow_down'],
  ),
  coded(['InternalError', 'ServiceUnavailable', 'ServerBusy'], ['retryable', 'server_error']),
  coded(['NotImplemented'], ['terminal', 'not_implemented']),
];

/**
 * What an answer of an S3 store means (contract 4.4), by (operation, status, error code); the first row that fits speaks.
 * A fault of the class `absent` is an answer: there is no such object. What is done about some of them besides: `conflict`
 * and lost sessions look for the object, a skewed clock and an expired signature are signed anew and sent once more.
 */
export const s3Table: readonly Row<S3Operation>[] = [
  ...byCode,
  // 2xx
  { phases: ALL, status: [200, 299], when: anError, means: ['retryable', 'server_error'] },
  { phases: WITH_ETAG, status: [200, 299], when: noETag, means: PORTAL },
  // Swift's 204, which has no body, calls itself a page too.
  { phases: REMOVING, status: 200, when: htmlPage, means: PORTAL },
  { phases: WITH_DOCUMENT, status: [200, 299], when: noDocument, means: PORTAL },
  {
    phases: WITH_DOCUMENT,
    status: [200, 299],
    when: cutShort,
    means: ['retryable', 'answer_cut_short'],
  },
  { phases: ALL, status: [200, 299], means: null },
  // 3xx
  { phases: ALL, status: [300, 399], when: otherRegion, means: ['terminal', 'wrong_region'] },
  { phases: ALL, status: [300, 399], when: leadsAway, means: PORTAL },
  { phases: ALL, status: [300, 399], means: ['terminal', 'redirect_refused'] },
  // 4xx
  { phases: ['HeadObject'], status: 400, when: otherRegion, means: ['terminal', 'wrong_region'] },
  { phases: ALL, status: 403, when: htmlPage, means: PORTAL },
  { phases: ALL, status: 403, when: saysExpired, means: ['auth', 'url_expired'] },
  { phases: ALL, status: 403, when: urlExpired, means: ['auth', 'url_expired'] },
  { phases: ALL, status: 403, when: clockSkewed, means: ['auth', 'clock_skewed'] },
  {
    phases: ['HeadObject', 'DeleteObject', 'AbortMultipartUpload'],
    status: 404,
    when: htmlPage,
    means: PORTAL,
  },
  { phases: ['HeadObject', 'GetObject'], status: 404, means: ['absent', 'remote_missing'] },
  { phases: REMOVING, status: 404, means: null },
  // Ceph answers NoSuchKey for a session that is over.
  { phases: OF_A_SESSION, status: 404, when: anError, means: GONE },
  { phases: ALL, status: 404, when: htmlPage, means: PORTAL },
  { phases: ALL, status: 404, means: ['terminal', 'endpoint_missing'] },
  { phases: CREATING, status: 409, means: ['terminal', 'conflict'] },
  { phases: ALL, status: 409, means: ['retryable', 'conflict'] },
  { phases: CREATING, status: 412, means: ['terminal', 'conflict'] },
  { phases: ALL, status: 412, means: ['terminal', 'precondition_failed'] },
  ...statusRows(ALL),
  // 5xx and the rest
  { phases: ALL, status: 501, means: ['terminal', 'not_implemented'] },
  { phases: ALL, status: [500, 599], means: ['retryable', 'server_error'] },
  { phases: ALL, status: [400, 499], when: htmlPage, means: PORTAL },
  { phases: ALL, status: [400, 499], means: OTHER_REFUSAL },
  // A browser hides a redirect behind the status 0; and what else there may be is no HTTP.
  { phases: ALL, status: [0, 999], means: PORTAL },
];

const WORDS: Readonly<Record<S3Operation, string>> = {
  PutObject: 'the bytes of an upload',
  HeadObject: 'the question whether an object is there',
  GetObject: 'a download',
  DeleteObject: 'the removal of an object',
  CreateMultipartUpload: 'the beginning of an upload',
  UploadPart: 'a part of an upload',
  ListParts: 'the question how far an upload is',
  CompleteMultipartUpload: 'the completion of an upload',
  AbortMultipartUpload: 'the end of an unfinished upload',
  ListMultipartUploads: 'the question which uploads are unfinished',
};

/** What an answer means, by {@link s3Table}. Pure. Null is success. */
export function classifyS3(
  operation: S3Operation,
  answer: Answer,
  nowMs: number | undefined,
): Fault | null {
  const verdict = verdictBy(s3Table, operation, { ...answer, nowMs });
  return verdict === null ? null : faultOfVerdict(verdict, answer, WORDS[operation], nowMs);
}

function coded(
  codes: readonly string[],
  means: Verdict | null,
  phases: readonly S3Operation[] = ALL,
): Row<S3Operation> {
  return { phases, status: ANY_STATUS, when: says(...codes), means };
}
