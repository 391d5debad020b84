import type { Fault, MediaFacts, Receipt } from '../machines/attachment/types.ts';
import type { Json } from '../machines/json.ts';
import { LadingError } from './errors.ts';

/** `<account>/<mediaId>`, each part encoded: the same for every attempt of one attachment (contract 4.2). */
export type ObjectKey = string & { readonly __brand: 'ObjectKey' };

/** What an upload sends. */
export interface UploadRequest {
  readonly objectKey: ObjectKey;
  readonly media: MediaFacts;
  /**
   * The bytes from `start` (default 0) to before `end` (default the end); may be opened again, for any range, and for
   * several at once. **No range, or the whole, is the cheap way**, and so are parts in order, each beginning where the one
   * before ended: they are hashed as they flow. Any other read has the file hashed beside it, a second reading. Either
   * way the chunk with the last byte comes only when the whole was hashed and was right (contract 4.4): bytes that are
   * not the captured ones are never completed.
   *
   * What it throws is the file's trouble, not the network's: do not complete, and let it throw, or return any fault. The
   * engine has the last word: a run whose bytes were found wrong or gone ends as `source_changed` or `source_missing`,
   * whatever its outcome was, and one that ended without success since they could not be read as `source_unreadable`.
   * @throws {LadingError} `source_changed` (other bytes, or not as many as were captured), `blob_missing`; and what the
   *   blob store throws.
   */
  open(range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Uint8Array>;
  /**
   * The bytes as a plain file, hashed as a whole before it resolves, for whoever sends them while the app may be dead.
   * Undefined, or left out, where they do not lie in one: encrypted ones do not.
   * @throws as `open`.
   */
  file?(): Promise<string | undefined>;
}

/** The outcome of an upload whose bytes could not be read: for what {@link UploadRequest.open} threw. */
export function sourceFaultOf(error: unknown): Fault {
  const code = error instanceof LadingError ? error.code : undefined;
  if (code === 'blob_missing') {
    return terminal('source_missing', 'The bytes are not on this device any more.');
  }
  if (code === 'source_changed' || code === 'blob_corrupt') {
    return terminal('source_changed', 'The bytes on this device are not those that were captured.');
  }
  // A key that is not at hand, a locked device: it may be there at the next try (field case 15).
  return {
    ok: false,
    class: 'retryable',
    code: 'source_unreadable',
    message: 'The bytes could not be read from this device.',
  };
}

function terminal(code: string, message: string): Fault {
  return { ok: false, class: 'terminal', code, message };
}

/** What the engine lends to one run of an upload. */
export interface UploadContext {
  /** Stable for the attachment, different between attachments (contract 4.2). */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** What an earlier run reported through `opened`, or null. */
  readonly handle: string | null;
  /** True when an earlier run may have reached the remote: look there first. */
  readonly rerun: boolean;
  /**
   * Reports a resumable upload as soon as the remote named it; durable when it resolves. Send no bytes before that.
   * Say `isSecret` of a handle that lets in whoever has it: it is stored sealed, and shown nowhere (contract 10.4).
   */
  opened(handle: string, options?: { readonly isSecret?: boolean }): Promise<void>;
  /** Offsets and parts: kept outside the log; losing them costs bytes, not truth. */
  readonly checkpoint: {
    load(): Promise<Json | null>;
    save(value: Json): Promise<void>;
  };
  /**
   * Bytes that the remote has, or is being sent, so far; never an event.
   * @param confirmedBytes of those, what the remote said that it keeps for a later run, at the moment when it says so:
   *   an upload that comes further with each try is not at its end, however often its link breaks. Left out: nothing new.
   */
  onProgress(sentBytes: number, confirmedBytes?: number): void;
}

export type UploadOutcome = { readonly ok: true; readonly receipt: Receipt } | Fault;

/** `exists: false` is an answer; not being able to tell is a fault. */
export type HeadOutcome =
  | {
      readonly ok: true;
      readonly exists: true;
      readonly byteSize: number;
      readonly sha256: string | null;
      readonly url: string;
      readonly token: string | null;
    }
  | { readonly ok: true; readonly exists: false }
  | Fault;

/** What `DownloadOutcome.body` rejects with when the transfer breaks on its way. */
export class DownloadInterrupted extends Error {
  override readonly name = 'DownloadInterrupted';
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message ?? fault.code);
    this.fault = fault;
  }
}

/** `byteSize` is what `body` will yield, where the remote said so. A transfer that breaks rejects with {@link DownloadInterrupted}. */
export type DownloadOutcome =
  | {
      readonly ok: true;
      readonly byteSize: number | null;
      readonly body: AsyncIterable<Uint8Array>;
    }
  | Fault;

/**
 * Where the bytes go. Foreseen failures are values, classified here, from (phase, status, protocol code)
 * (contract 4.4); a throw is a bug. Retrying is the engine's business: SDK retries are off.
 */
export interface Remote {
  /**
   * Host, and port if any, that uploads and removals go to, as `new URL(endpoint).host` says it: what rests for a while
   * when it fails again and again, downloads from the same host included. Default: it is unlike that of any download.
   */
  readonly host?: string;
  upload(request: UploadRequest, context: UploadContext): Promise<UploadOutcome>;
  /** Looks for the **completed** object. */
  head(
    objectKey: ObjectKey,
    options: { readonly handle: string | null; readonly signal: AbortSignal },
  ): Promise<HeadOutcome>;
  /** Removes the object and any unfinished upload of it; a missing one is success. */
  remove(
    objectKey: ObjectKey,
    options: { readonly handle: string | null; readonly signal: AbortSignal },
  ): Promise<{ readonly ok: true } | Fault>;
  /**
   * Takes what the app gives for all requests from now on: what `lading.credentials` was called with, or what
   * `refreshCredentials` resolved with. `null`: signed out, nothing may be sent with the old ones any more. Left out where
   * the adapter asks a function of the app's at each request.
   */
  credentials?(next: unknown): void | Promise<void>;
  download(
    url: string,
    options: { readonly start?: number; readonly signal: AbortSignal },
  ): Promise<DownloadOutcome>;
  /**
   * Uploads of an account that were begun and have not ended, page by page; those of other devices are among them. Left
   * out where the protocol has no listing, as tus.
   * @param options `after`: the `next` of the page before, null for the first one.
   */
  listIncomplete?(
    accountId: string,
    options: { readonly after: string | null; readonly signal: AbortSignal },
  ): Promise<IncompletePage | Fault>;
  /** Ends an unfinished upload and frees its parts; one that is not there any more is success. With `listIncomplete`. */
  abort?(
    upload: IncompleteUpload,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly ok: true } | Fault>;
}

/** An upload at the remote that was begun and has not ended. */
export interface IncompleteUpload {
  readonly objectKey: ObjectKey;
  /** What an upload reports through `opened`. */
  readonly handle: string;
}

export interface IncompletePage {
  readonly ok: true;
  readonly uploads: readonly IncompleteUpload[];
  /** Where the next page begins; null after the last one. */
  readonly next: string | null;
}

/** The id of the attachment whose object this is; undefined for a key that is not one of this account. */
export function mediaIdOfKey(key: ObjectKey, accountId: string): string | undefined {
  const prefix = `${encodeURIComponent(accountId)}/`;
  if (!key.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(key.slice(prefix.length));
  } catch {
    return undefined;
  }
}

/** The object key of one attachment (contract 4.2). */
export function objectKey(accountId: string, mediaId: string): ObjectKey {
  return `${encodeURIComponent(accountId)}/${encodeURIComponent(mediaId)}` as ObjectKey;
}
