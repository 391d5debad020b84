import type { MediaId } from '../machines/attachment/types.ts';
import type { BlobKey } from './blob-store.ts';
import type { StoreTransaction } from './event-store.ts';

/** What bytes are, by which equal ones are found. */
export interface BlobContent {
  readonly byteSize: number;
  /** Lower-case hex SHA-256. */
  readonly sha256: string;
}

/**
 * Who still needs a file: attachments that hold it, or that were never sent and miss it, or a hold that has not run out.
 * `expired`: only holds that have.
 */
export type BlobProtection = 'held' | 'expired' | 'none';

/**
 * Holds: the protection of a file that somebody is about to share, before the commit that makes his attachment a holder
 * (contract 5.3). Only a file that an attachment holds can be held: one that lost its last holder is nobody's for good.
 */
export interface HoldTable {
  /** Files of the account with these bytes that attachments hold, the last opened first; a few at most. */
  equalTo(tx: StoreTransaction, accountId: string, content: BlobContent): readonly BlobKey[];
  /** Protects a file until `until`, or until `holder` is an attachment that holds it; false when none holds it now. */
  hold(tx: StoreTransaction, key: BlobKey, holder: MediaId, until: number): boolean;
  /** Whether the hold is still there and has not run out: nobody has removed the file then. */
  isHeldBy(tx: StoreTransaction, key: BlobKey, holder: MediaId, now: number): boolean;
  letGo(tx: StoreTransaction, key: BlobKey, holder: MediaId): void;
  /** Ends the holds that have run out at `now`: their owners died, or were too slow. */
  endHolds(tx: StoreTransaction, now: number): void;
  protection(tx: StoreTransaction, key: BlobKey, now: number): BlobProtection;
  /** Whether garbage collection has begun to remove the file: it is not to be held any more. */
  isBeingRemoved(tx: StoreTransaction, key: BlobKey): boolean;
}

/** A file that none of its holders needs on this device. */
export interface UnusedBlob {
  readonly key: BlobKey;
  readonly byteSize: number;
  /** Made of an attachment, held by none: it just goes. */
  readonly isDerived: boolean;
}

/** What the bounded cache reads and keeps (contract 6). */
export interface CacheTable {
  /** Notes that a file was opened; no event, and losing it costs only the order of eviction. */
  opened(tx: StoreTransaction, key: BlobKey, at: number): void;
  /** Opened later than `now`, by a clock that was ahead: as if opened now. */
  clampOpened(tx: StoreTransaction, accountId: string, now: number): void;
  /** Files of an account that could be evicted, derived ones too, and were last opened before `before`, the oldest first. */
  unused(
    tx: StoreTransaction,
    accountId: string,
    before: number,
    limit: number,
  ): readonly UnusedBlob[];
  /** Takes the row of a derived file away; its file is the caller's to remove. */
  dropDerived(tx: StoreTransaction, key: BlobKey): boolean;
  /** The attachments that hold a file, in the order of their ids. */
  holders(tx: StoreTransaction, key: BlobKey): readonly MediaId[];
  /** Bytes of all accounts that could be evicted. */
  unusedBytes(tx: StoreTransaction): number;
  /** Accounts that have anything to evict, `first` before the others. */
  accountsWithUnused(tx: StoreTransaction, first: string): readonly string[];
}
