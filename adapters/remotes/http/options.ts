import type { MediaFacts } from '../../../machines/attachment/types.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import type { CarryOptions } from '../transport/carried.ts';
import type { DownloadOptions } from '../transport/places.ts';

/** What a request is for: the bytes, a look whether the object is there, its removal. */
export type HttpOperation = 'send' | 'look' | 'remove';

export interface HttpRemoteOptions extends DownloadOptions, CarryOptions {
  /**
   * Where the objects are, `http:` or `https:`: each one at `<endpoint>/<account>/<mediaId>` unless `address` says
   * otherwise. Only its origin gets `headers`.
   */
  readonly endpoint: string;
  /**
   * Where one request goes; asked just before it, each time, so that it may sign (field case 40). What stands behind the
   * path is taken for a secret and kept nowhere. May lead to another origin, which then gets the address's own headers
   * alone (contract 10.3).
   */
  readonly address?: (ask: AddressAsk) => string | HttpAddress | Promise<string | HttpAddress>;
  /** Sent with each request to the endpoint's origin; a function is asked each time, so that tokens can change. */
  readonly headers?: HeadersOption;
  /** Of the request with the bytes. Default `PUT`, and `POST` with a form. */
  readonly method?: 'PUT' | 'POST' | 'PATCH';
  /** Sends the bytes as one file of a `multipart/form-data` form, as a browser would. Default: they are the body. */
  readonly form?: HttpForm;
  /**
   * How to look for an object. `HEAD` and `GET` ask its address, or another one that `address` gives for `look`; a
   * function asks the app's own way, and `false` says that nobody can tell. Default `HEAD`; `false` with a form, whose
   * server chooses the place.
   */
  readonly look?: 'HEAD' | 'GET' | false | ((ask: LookAsk) => Promise<HttpFound | null>);
  /**
   * What an answer says about the object, where headers do not: a locator, a size, a hash in a JSON body. Undefined says
   * that the remote did not write this answer: a captive portal did (field case 36).
   */
  readonly read?: (answer: HttpAnswer) => HttpFound | undefined | Promise<HttpFound | undefined>;
  /** `Idempotency-Key` on the request with the bytes, for servers that keep the promise of that header. Default false. */
  readonly idempotencyKey?: boolean;
  /**
   * `If-None-Match: *` on a PUT, for servers that honour it and store a body whole or not at all. Elsewhere it is better
   * not sent: a PUT that replaces heals what an interrupted one left. Default false.
   */
  readonly ifNoneMatch?: boolean;
  /**
   * The header that carries the SHA-256 (RFC 9530), with which a server can refuse what was damaged on its way. Default
   * `Content-Digest`; never with a form, whose content is not the file. In a page, a server of another origin must
   * allow it; `false` is for those that do not.
   */
  readonly digest?: 'Content-Digest' | 'Repr-Digest' | false;
  /** What the `ETag` is. Default: opaque. `sha256`: the hash of the bytes in hexadecimal digits. */
  readonly etag?: 'sha256';
  /** The stable url that refs store. Default: what the answer says, else the address without its query. */
  readonly locator?: (object: {
    readonly url: string;
    readonly objectKey: ObjectKey;
  }) => string | null | Promise<string | null>;
  /** Where the bytes behind a locator are fetched, where that needs a signature. Default: at the locator itself. */
  readonly downloadAddress?: (locator: string) => string | Promise<string>;
  /**
   * Silence after which a request is given up; counts from the last byte that moved. A function of the app that is asked
   * for what a request needs is waited for no longer. Default 30,000.
   */
  readonly stallMs?: number;
  readonly clock?: Clock;
}

export type HeadersOption =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

export interface AddressAsk {
  readonly operation: HttpOperation;
  readonly objectKey: ObjectKey;
  /** What is uploaded; null for a look or a removal that knows the key alone. */
  readonly media: MediaFacts | null;
}

export interface HttpAddress {
  readonly url: string;
  /** Of this request alone, over those of the remote. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of this form alone, before those of the remote: a signed policy and the like. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface HttpForm {
  /** The name of the field that holds the file. */
  readonly field: string;
  /** Fields before it, in their order. */
  readonly fields?:
    | Readonly<Record<string, string>>
    | ((ask: {
        readonly objectKey: ObjectKey;
        readonly media: MediaFacts;
      }) => Readonly<Record<string, string>>);
  /**
   * What the file is called there. Default: the attachment's id. A function may give the user's own name
   * (`media.filename`); it is bounded and escaped (contract 10.1).
   */
  readonly filename?: (media: MediaFacts) => string | null;
}

/** What is known of an object at the remote. */
export interface HttpFound {
  /** Its locator, absolute or relative to what was asked. Default: the address without its query. */
  readonly url?: string | null;
  readonly byteSize?: number;
  /** Lower-case hex. */
  readonly sha256?: string;
  /** What the remote calls this version of it. */
  readonly token?: string;
}

export interface HttpAnswer {
  readonly operation: 'send' | 'look';
  readonly objectKey: ObjectKey;
  /** What was asked; may hold a signature. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** The first 4,096 characters. */
  readonly body: string;
}

export interface LookAsk {
  readonly objectKey: ObjectKey;
  readonly signal: AbortSignal;
}
