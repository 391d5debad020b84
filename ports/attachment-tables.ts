import type { AttachmentFacts } from '../machines/attachment/facts.ts';
import type {
  AttachmentOrigin,
  AttachmentRef,
  MediaFacts,
  MediaId,
  Owner,
} from '../machines/attachment/types.ts';
import type { Json, JsonObject } from '../machines/json.ts';
import type { BackendOp, PushedOp, SyncCursor } from './backend.ts';
import type { BlobKey } from './blob-store.ts';
import type { StoreTransaction, StreamId } from './event-store.ts';

/** The local row about one attachment (contract 1, media record). */
export interface MediaRecord {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly origin: AttachmentOrigin;
  readonly media: MediaFacts;
  readonly blobKey: BlobKey | null;
  readonly hasBytes: boolean;
  /** The remote locator, or null. */
  readonly url: string | null;
  readonly capturedAt: number;
  /** What a screen's view is computed from. */
  readonly facts: AttachmentFacts;
}

/** One place that holds the attachment: one row per ref and owner (contract 1). */
export interface RefRecord {
  readonly mediaId: MediaId;
  readonly owner: Owner;
  readonly ownerKey: string;
  readonly rank: string;
  readonly isPrimary: boolean;
  /** As a domain entity stores it. */
  readonly ref: AttachmentRef;
  /** What a screen's view of the attachment is computed from. */
  readonly facts: AttachmentFacts;
}

/** Where an upload job stands. */
export type JobSituation = AttachmentFacts['situation'] | 'held' | 'unmetered';

/** An upload that the log says is under way, as its rows have it. */
export interface UploadRow {
  readonly mediaId: MediaId;
  /** It sends bytes, and over unmetered links only. */
  readonly unmetered: boolean;
  /** What runs it, or would; null where the log claims what no row does. */
  readonly task: {
    readonly runner: string | null;
    /** Set aside, and run by nobody. */
    readonly isBuried: boolean;
  } | null;
}

/** What an account's files take on this device. */
export interface AccountUsage {
  readonly bytes: number;
  /** Files; empty ones are not counted. */
  readonly blobs: number;
  /** Of `bytes`, those of files that could be evicted now (contract 6). */
  readonly evictableBytes: number;
}

/** What a projection is computed from, before and after a step. */
export interface ProjectedState {
  readonly value: Json;
  readonly context: JsonObject;
}

/** The projections of attachment streams: pure functions of their states, rebuilt from the log at will. */
export interface AttachmentTables {
  /** Writes what differs between the rows of `before` and of `after`. */
  project(tx: StoreTransaction, before: ProjectedState | null, after: ProjectedState): void;
  media(tx: StoreTransaction, mediaId: MediaId): MediaRecord | undefined;
  /** In the owner's order: by rank, then mediaId. */
  refsOfOwner(tx: StoreTransaction, ownerKey: string): readonly RefRecord[];
  /** All fields of one entity. */
  refsOfEntity(
    tx: StoreTransaction,
    entity: Pick<Owner, 'scope' | 'entityType' | 'entityId'>,
  ): readonly RefRecord[];
  /** Upload jobs of an account in one situation, oldest first. `held`: queued, but paused by the user; `unmetered`: queued, for unmetered links only. */
  jobs(
    tx: StoreTransaction,
    accountId: string,
    situation: JobSituation,
    limit: number,
  ): readonly MediaId[];
  /** Uploads of an account that are under way, with who runs them, oldest first; at most a thousand. */
  underWay(tx: StoreTransaction, accountId: string): readonly UploadRow[];
  /** How many upload jobs an account has in each situation. */
  countJobs(tx: StoreTransaction, accountId: string): Readonly<Record<string, number>>;
  /** Bytes of the uploads of an account that are not done, failed ones included. */
  pendingBytes(tx: StoreTransaction, accountId: string): number;
  /** Files of this account on this device, each counted once, from the log's own accounting (contract 7.1). */
  usage(tx: StoreTransaction, accountId: string): AccountUsage;
  /** Bytes of all accounts on this device: what a disk or a budget is filled with. */
  totalBytes(tx: StoreTransaction): number;
}

/** Holds the projections of attachments against the log, and writes them anew from it (contract 9.2). */
export interface AttachmentAudit {
  /** What the stored rows of this stream have differently from `state`; empty when they agree. */
  compare(tx: StoreTransaction, stream: StreamId, state: ProjectedState): readonly string[];
  /** Writes the stream's rows anew from `state`, whatever is there; totals are `repairTotals`'s. */
  rewrite(tx: StoreTransaction, stream: StreamId, state: ProjectedState): void;
  /** What no single stream shows: rows without a stream, and usage that is not the sum of its rows. */
  compareTotals(tx: StoreTransaction): readonly string[];
  /** Puts right what `compareTotals` found. */
  repairTotals(tx: StoreTransaction): void;
}

export interface OutboxRow extends PushedOp {
  readonly seq: number;
  /** How often it was put off: sent alone, it failed where others did not. */
  readonly attempts: number;
  readonly mediaId: MediaId;
  readonly ownerKey: string;
}

/** Ops for the backend, written in the commit that made them necessary (contract 1, outbox). */
export interface OutboxTable {
  /**
   * Behind an op of the same ref that was put off, it waits for that one.
   * @param entry `dueAt` later than now holds the op back (a removal that can still be undone).
   */
  put(
    tx: StoreTransaction,
    entry: {
      readonly opId: string;
      readonly accountId: string;
      readonly op: BackendOp;
      readonly at: number;
      readonly dueAt: number;
    },
  ): void;
  /** Takes back removals of this ref that are not due at `now`, hence were never sent; true when there was one. */
  withdrawRemovals(tx: StoreTransaction, mediaId: MediaId, ownerKey: string, now: number): boolean;
  count(tx: StoreTransaction, accountId: string): number;
}

/** The outbox as what empties it sees it. */
export interface OutboxQueue extends Pick<OutboxTable, 'count'> {
  /** Ops due at `now`, in the order they were written; one written after `now` (a clock that went back) is due. */
  due(tx: StoreTransaction, accountId: string, now: number, limit: number): readonly OutboxRow[];
  nextDueAt(tx: StoreTransaction, accountId: string, now: number): number | undefined;
  /** Whether an op for this ref is still to be acknowledged: deltas about it are older than what is here. */
  hasPending(tx: StoreTransaction, mediaId: MediaId, ownerKey: string): boolean;
  /** Puts an op off until `until`, and with it all that were written after it for the same ref: their order stands. */
  postpone(tx: StoreTransaction, row: OutboxRow, until: number): void;
  /** The op was answered; true when it was still there, and not settled or withdrawn by somebody else. */
  settle(tx: StoreTransaction, opId: string): boolean;
}

/** Where delta sync stands in each scope, and which change-signal it has answered. */
export interface CursorTable {
  load(
    tx: StoreTransaction,
    accountId: string,
    scope: string,
  ): { readonly cursor: SyncCursor; readonly seenSeq: number } | undefined;
  save(
    tx: StoreTransaction,
    accountId: string,
    scope: string,
    cursor: SyncCursor,
    seenSeq: number,
  ): void;
  /** The next pull starts from the beginning; applying is idempotent. */
  reset(tx: StoreTransaction, accountId: string, scope: string): void;
}

/** Resume offsets and parts: not projections; losing them costs bytes, not truth (contract 9.2). */
export interface CheckpointTable {
  load(tx: StoreTransaction, stream: StreamId): Json | null;
  save(tx: StoreTransaction, stream: StreamId, value: Json): void;
  remove(tx: StoreTransaction, stream: StreamId): void;
}
