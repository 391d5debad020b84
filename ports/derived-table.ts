import type { MediaId } from '../machines/attachment/types.ts';
import type { BlobKey } from './blob-store.ts';
import type { StoreTransaction } from './event-store.ts';

/** A file that was made of an attachment's bytes and can be made again: a thumbnail, a preview. */
export interface DerivedRecord {
  readonly mediaId: MediaId;
  /** What it is of the attachment; the app's own word. */
  readonly name: string;
  readonly accountId: string;
  readonly key: BlobKey;
  readonly byteSize: number;
}

/**
 * Derived files, one row each, no part of the log: losing one costs its making (field case 68). They count as used and as
 * evictable bytes.
 */
export interface DerivedTable {
  find(tx: StoreTransaction, mediaId: MediaId, name: string): DerivedRecord | undefined;
  /** False when there is one of that name already, the attachment is gone, or its account is being forgotten: nothing is written. */
  put(tx: StoreTransaction, record: DerivedRecord, openedAt: number): boolean;
  /** Takes one away; false when it was not there. */
  drop(tx: StoreTransaction, key: BlobKey): boolean;
  /** Takes all of an attachment away. */
  dropOf(tx: StoreTransaction, mediaId: MediaId): readonly BlobKey[];
  /** Those whose attachment is not there any more, among `limit` behind `after`; and the last one looked at. */
  stale(
    tx: StoreTransaction,
    after: BlobKey | '',
    limit: number,
  ): { readonly keys: readonly BlobKey[]; readonly last: BlobKey | null };
}
