import type { MediaId } from '../machines/attachment/types.ts';
import type { BlobKey } from './blob-store.ts';
import type { StoreTransaction } from './event-store.ts';

/** Bytes that the log knows, by where they lie. */
export interface KnownBytes {
  readonly mediaId: MediaId;
  readonly blobKey: BlobKey;
  readonly byteSize: number;
}

/** What looking after bytes at rest reads; each is one indexed read (field cases 1 to 5, 16). */
export interface HealingRows {
  /** Up to `limit` attachments of the account whose bytes are here and nowhere else, with ids after `after`. */
  unsent(
    tx: StoreTransaction,
    accountId: string,
    after: string,
    limit: number,
  ): readonly KnownBytes[];
  /** Up to `limit` attachments of the account that failed for want of their bytes, with ids after `after`. */
  lost(
    tx: StoreTransaction,
    accountId: string,
    after: string,
    limit: number,
  ): readonly KnownBytes[];
  /** Up to `limit` of the files that the log knows, whoever they are of. */
  someFiles(tx: StoreTransaction, limit: number): readonly BlobKey[];
  /** When this database began. Milliseconds since 1970. */
  begunAt(tx: StoreTransaction): number;
  /** What a recovery of the database left to be done for the account is done. */
  endRecovery(tx: StoreTransaction, accountId: string): void;
  /** Deltas of all scopes of the account are pulled from the beginning next time; applying them is idempotent. */
  pullAnew(tx: StoreTransaction, accountId: string): void;
}
