import type { MediaId } from '../machines/attachment/types.ts';
import type { Json } from '../machines/json.ts';
import type { BlobKey } from './blob-store.ts';
import type { StoreTransaction, StreamId, TaskId } from './event-store.ts';

/**
 * What nothing needs any more, by where it lies: `temporary` a write that did not end, `blob` bytes without a record,
 * `checkpoint` resume data of an upload that is over, `task` work of an attachment that is over, `hold` a protection of
 * a file whose process is gone, `root` a root of the app's that is no root any more, `derived` a file made of an attachment that is over, `upload` an unfinished upload at
 * the remote.
 */
export type GarbageKind =
  | 'temporary'
  | 'blob'
  | 'checkpoint'
  | 'task'
  | 'hold'
  | 'root'
  | 'derived'
  | 'upload';

/** The first phase of garbage collection: what was found, and when; nothing of it was touched (contract 5.4). */
export interface GarbageMark {
  readonly kind: GarbageKind;
  readonly key: string;
  readonly reason: string;
  /** When it was first found. Milliseconds since 1970. */
  readonly foundAt: number;
}

/** Reason of a file's mark from before its removal on: nobody may begin to hold it. */
export const REMOVAL_BEGUN = 'removal_begun';

/** What garbage collection sees of the rows; every function is one SQL operation. */
export interface GarbageTable {
  /** Keeps the time of the first finding, and {@link REMOVAL_BEGUN}. */
  mark(tx: StoreTransaction, mark: GarbageMark): void;
  unmark(tx: StoreTransaction, kind: GarbageKind, key: string): void;
  marked(tx: StoreTransaction, kind: GarbageKind, key: string): GarbageMark | undefined;
  /** Marks of one kind with keys after `after`, in their order. */
  marks(
    tx: StoreTransaction,
    kind: GarbageKind,
    after: string,
    limit: number,
  ): readonly GarbageMark[];
  /** Whether an attachment's bytes lie there, or one that was never sent misses them, or somebody protects the file at `now`. */
  isNeeded(tx: StoreTransaction, key: BlobKey, now: number): boolean;
  /** Files of an account that attachments hold, with keys after `after`, in their order. */
  heldFiles(
    tx: StoreTransaction,
    accountId: string,
    after: string,
    limit: number,
  ): readonly BlobKey[];
  /** The attachments whose bytes lie in a file. */
  holders(tx: StoreTransaction, key: BlobKey): readonly MediaId[];
  /** Protections that are over at `now`; one that lasts longer than `longestMs` was made by a clock that was ahead. */
  dropHolds(tx: StoreTransaction, now: number, longestMs: number): number;
  /** Resume data of attachments that have no upload to resume, with ids after `after`. */
  idleCheckpoints(tx: StoreTransaction, after: string, limit: number): readonly StreamId[];
  isIdleCheckpoint(tx: StoreTransaction, stream: StreamId): boolean;
  /**
   * Tasks of streams that are not there, or are over, among `limit` of streams behind `after` (a stream has a few at
   * most); and the last stream looked at, null at the end.
   */
  strayTasks(
    tx: StoreTransaction,
    after: string,
    limit: number,
  ): {
    readonly found: readonly Pick<TaskId, 'stream' | 'kind' | 'name'>[];
    readonly last: StreamId | null;
  };
  /** Attachments of an account that have `url` as their locator. */
  withUrl(tx: StoreTransaction, accountId: string, url: string): readonly MediaId[];
  /** Attachments of an account with a ref in this list, after `after`. */
  inList(tx: StoreTransaction, ownerKey: string, after: string, limit: number): readonly MediaId[];
  /**
   * Removals of this attachment's refs that no backend has heard of yet (not due at `now`) say from now on that its object
   * is kept.
   */
  keepObject(tx: StoreTransaction, mediaId: MediaId, now: number): void;
  /** Whether an account has any ref: the roots that the log knows. */
  hasRefs(tx: StoreTransaction, accountId: string): boolean;
  /** Attachments whose bytes are here and that a ref should hold, by what they show; their log knows for certain. */
  perhapsReferenced(tx: StoreTransaction, accountId: string, limit: number): readonly MediaId[];
  /** Where the collector stands, kept between runs. */
  load(tx: StoreTransaction, accountId: string): Json | null;
  save(tx: StoreTransaction, accountId: string, state: Json): void;
}
