import type { Fault } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import type { CarryOptions } from '../transport/carried.ts';
import type { DownloadOptions } from '../transport/places.ts';

/** The requests that the remote makes, by their names in the API of S3. */
export type S3Operation =
  | 'PutObject'
  | 'HeadObject'
  | 'GetObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'ListParts'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploads';

export interface S3RemoteOptions extends DownloadOptions, CarryOptions {
  readonly bucket: string;
  /** Default `us-east-1`, which most servers other than Amazon's take for theirs. */
  readonly region?: string;
  /** Where the store is, `http:` or `https:`, without the bucket. Default: Amazon S3 in this region. */
  readonly endpoint?: string;
  /**
   * Whether the bucket stands in the path (`https://host/bucket/key`) or in the host name (`https://bucket.host/key`).
   * Default: in the path, where an endpoint was given or the bucket's name has a dot.
   */
  readonly pathStyle?: boolean;
  /** What every key begins with, such as `attachments/`: for buckets that hold other things too. Default none. */
  readonly prefix?: string;
  /**
   * Who signs: the device, with credentials of its own; a function is asked before each request. Others are replaced by
   * `lading.credentials(next)`; null: there are none yet …
   */
  readonly credentials?: S3Credentials | null | (() => S3Credentials | Promise<S3Credentials>);
  /** … or the app's server, asked just before every request and every part (field case 40). */
  readonly sign?: S3Sign;
  /**
   * How long a carried PUT may wait before it begins, where the device signs; 7 days at most. Up to a quarter of an hour its
   * signature is one of headers, and contains the hash of the bytes. For longer it is a presigned url, which leaves that
   * to stores that check `x-amz-checksum-sha256`, as Amazon S3 does. Default a quarter of an hour.
   */
  readonly carriedForMs?: number;
  /**
   * Larger files are sent in parts and can be resumed; others by one request, which begins again when it breaks. Less is
   * better where links are bad, as little as 5 MiB; more where a `carrier` is to have them: parts are sent from here, and
   * most stores take 5 GiB by one request. Default 24 MiB.
   */
  readonly multipartAboveBytes?: number;
  /**
   * Size of a part, at least 5 MiB. Held in memory while it is sent, so that the most of it is `partsAtOnce` of them for
   * each upload. Grows where a file would have more than 10,000 parts. Another size begins uploads again that are under
   * way. Default 5 MiB.
   */
  readonly partSizeBytes?: number;
  /** Parts of one file that are sent at the same time. Default 4. */
  readonly partsAtOnce?: number;
  /**
   * `If-None-Match: *`, with which a store refuses to replace an object. `auto`: sent until a store says that it does not
   * know it (OpenStack Swift). Without it an object is looked for only where an outcome is not known. Default `auto`.
   */
  readonly conditionalWrites?: boolean | 'auto';
  /** The stable url that refs store. Default: the object's address in the bucket, unsigned. */
  readonly locator?: (object: { readonly url: string; readonly objectKey: ObjectKey }) => string;
  /**
   * Silence after which a request is given up; counts from the last byte that moved. A function of the app that is asked
   * for what a request needs is waited for no longer. Default 30,000.
   */
  readonly stallMs?: number;
  readonly clock?: Clock;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Signs one request; asked just before it, and again when a signature has expired. Answers where it goes, or a fault:
 * `{ ok: false, class: 'auth', code: 'session_over' }` waits for credentials. A rejection is taken for a server that
 * does not answer, and tried again later.
 */
export type S3Sign = (request: S3SignRequest) => Promise<S3Signed | Fault>;

/** All that a signature is made of: plain JSON, to be sent to the app's server. */
export interface S3SignRequest {
  readonly operation: S3Operation;
  readonly method: string;
  readonly bucket: string;
  /** The key; for `ListMultipartUploads` what the keys begin with. */
  readonly key: string;
  /** What the request asks for: `uploadId`, `partNumber` and the like. */
  readonly query: Readonly<Record<string, string>>;
  /** What the request will carry, in lower case: `content-type`, `if-none-match`, `x-amz-content-sha256` … */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * A carrier takes it, and it may begin hours later, when no app asks again: a presigned url that lives for days suits it.
   * With one that ran out it is refused, and signed anew when the app is there again.
   */
  readonly isCarried?: true;
}

export interface S3Signed {
  /** A presigned url, or a plain one where the signature is among the headers. */
  readonly url: string;
  /** Over those of the request. Those that begin with `x-amz-` are sent only if they are signed. */
  readonly headers?: Readonly<Record<string, string>>;
}
