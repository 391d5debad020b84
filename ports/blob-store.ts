import { encodeIdPart } from './id-part.ts';
import type { SidecarStore } from './sidecars.ts';

/** A blob's place, relative to the store's base: made from ids only, never from names (contract 10.1, 4.1). */
export type BlobKey = string & { readonly __brand: 'BlobKey' };

export interface WrittenBlob {
  readonly sizeBytes: number;
  /** Lower-case hex SHA-256 of what was written. */
  readonly sha256: string;
}

export interface StoredBlob {
  /** The key, or for a temporary file its own name, which only `remove` takes. */
  readonly key: BlobKey;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  /** Left by a write that did not finish. */
  readonly temporary: boolean;
}

/** A SHA-256 of bytes that come piece by piece. */
export interface Digest {
  /** The pieces in their order; they may be reused when it returns. */
  update(bytes: Uint8Array): void;
  /** Lower-case hex; ends it. */
  hex(): string;
}

/** Bytes at rest on the device: durable storage, never a cache that the system may empty (field case 2). */
export interface BlobStore {
  /**
   * Streams `source` to a temporary file while hashing, syncs it, renames it into place and syncs the directory:
   * durable on return (contract 3.2). Writing a key again replaces it.
   * @throws {LadingError} `disk_full`, `blobs_unwritable`, `file_too_large` (more than `maxBytes`), `capture_aborted`;
   *   nothing is left behind.
   */
  write(
    key: BlobKey,
    source: AsyncIterable<Uint8Array>,
    options?: { readonly signal?: AbortSignal; readonly maxBytes?: number },
  ): Promise<WrittenBlob>;
  /**
   * The bytes from `start` (default 0) to before `end` (default the end), in chunks of at most 64 KiB … 1 MiB.
   * @throws {LadingError} `blob_missing`, `blobs_unreadable`.
   */
  open(
    key: BlobKey,
    range?: { readonly start?: number; readonly end?: number },
  ): AsyncIterable<Uint8Array>;
  stat(key: BlobKey): Promise<{ readonly sizeBytes: number } | undefined>;
  /**
   * Lower-case hex SHA-256 of the bytes as they lie there now. Where a store has it, or `digest`, the last byte of a file
   * leaves the device only when the whole of it was hashed and was right (contract 4.4, field case 13).
   * @throws {LadingError} `blob_missing`.
   */
  hash?(key: BlobKey, signal?: AbortSignal): Promise<string>;
  /**
   * The platform's fastest SHA-256, with which what is sent is hashed while it is read. Without it a file is read once
   * more for `hash`, beside its upload.
   */
  digest?(): Digest;
  /** Idempotent. */
  remove(key: BlobKey): Promise<void>;
  /**
   * All that is stored, temporary files first, in an order of the store's own that is the same each time.
   * @param options `after`: goes on behind this key, which need not be there any more. Default from the beginning.
   */
  list(options?: { readonly after?: string }): AsyncIterable<StoredBlob>;
  /**
   * Where the bytes lie as a plain file that others can read, such as the operating system: a path as the platform has
   * it. Undefined where they do not lie so; left out by stores that encrypt, or have no files.
   */
  file?(key: BlobKey): Promise<string | undefined>;
  /**
   * Small texts beside the bytes, by which what was never uploaded is found again when the database is lost (field case
   * 16). A store that is lost together with the database has none.
   */
  readonly sidecars?: SidecarStore;
}

/**
 * Where one attachment's bytes lie: `a-<account>/<shard>/m-<mediaId>`, encoded, relative (contract 4.1, 10.1).
 * The account comes first, so that forgetting it is one folder; the prefix keeps it clear of names that some
 * systems reserve (`con`, `nul`). The shard is the end of the mediaId, where a UUIDv7 is random.
 *
 * @throws {LadingError} `invalid_id`.
 */
export function blobKey(accountId: string, mediaId: string): BlobKey {
  const media = encodeIdPart(mediaId);
  const shard = media.slice(-2).padStart(2, '0');
  return `${accountPrefix(accountId)}${shard}/m-${media}` as BlobKey;
}

/** Where a file lies that was made of an attachment and can be made again. @throws {LadingError} `invalid_id`. */
export function derivedKey(accountId: string, id: string): BlobKey {
  return blobKey(accountId, id).replace('/m-', DERIVED) as BlobKey;
}

/** Whether what lies there can be made again: nobody's only copy. */
export function isDerivedKey(key: BlobKey): boolean {
  return key.includes(DERIVED);
}

const DERIVED = '/d-';

/** What the keys of all blobs of an account begin with, and of no other. @throws {LadingError} `invalid_id`. */
export function accountPrefix(accountId: string): string {
  return `a-${encodeIdPart(accountId)}/`;
}
