import type { MediaId } from '../machines/attachment/types.ts';
import type { JobSituation } from './attachment-tables.ts';
import type { StoreTransaction } from './event-store.ts';

/** Where queued jobs wait: those that any link will do for, and those for unmetered links only. */
export type QueueName = 'queued' | 'unmetered';

/** A queued job as far as its place in the order goes. */
export interface QueuedJob {
  readonly mediaId: MediaId;
  /** Whose turn it is sent in. */
  readonly ownerKey: string;
  /** Since when it is queued. Milliseconds since 1970. */
  readonly since: number;
  readonly byteSize: number;
  /** 0 where nobody asked; else the highest is next. */
  readonly preferred: number;
}

/** The jobs of an account in each order; one look into an index, however many are queued (field case 31). */
export interface QueueTable {
  /** @param by `age`: oldest first; `size`: smallest first; `preference`: those that were preferred, the last first. */
  first(
    tx: StoreTransaction,
    accountId: string,
    queue: QueueName,
    by: 'age' | 'size' | 'preference',
    limit: number,
  ): readonly QueuedJob[];
  /** An owner's jobs, oldest first. */
  ofOwner(
    tx: StoreTransaction,
    accountId: string,
    queue: QueueName,
    ownerKey: string,
    limit: number,
  ): readonly QueuedJob[];
  /** The first owner behind `after`, in the order of their keys, who has something queued. */
  ownerAfter(
    tx: StoreTransaction,
    accountId: string,
    queue: QueueName,
    after: string,
  ): string | undefined;
  /** A page of the jobs in one situation, the oldest first: those behind `last`. */
  after(
    tx: StoreTransaction,
    accountId: string,
    situation: JobSituation,
    last: Pick<QueuedJob, 'since' | 'mediaId'> | undefined,
    limit: number,
  ): readonly QueuedJob[];
  /** Of all that are on their way, wherever they stand; 0 where none was preferred. */
  highestPreference(tx: StoreTransaction, accountId: string): number;
}
