/** Where an upload that is not done, or a clean-up that waits, stands. */
export type CountedSituation =
  | 'queued'
  | 'held'
  | 'unmetered'
  | 'waiting'
  | 'awaitingCredentials'
  | 'uploading'
  | 'attaching'
  | 'failed'
  | 'removeWaiting'
  | 'removeAwaitingCredentials'
  | 'leftover'
  | 'purgeWaiting';

/**
 * How an engine is doing. Gauges are read from rows: they are of the account on this device, whatever process did it,
 * and survive a restart. Counters begin at 0 when Lading opens, and count what this process committed.
 */
export interface Metrics {
  /** Gauges, from rows. */
  readonly now: {
    /** Jobs by situation: uploads, and clean-ups that wait. All keys are there. */
    readonly jobs: Readonly<Record<CountedSituation, number>>;
    /** Uploads that wait, by what for; only what some wait for. */
    readonly waitingFor: Readonly<Record<string, number>>;
    /** How long the oldest upload that is not done has been in its situation; null when none is left. */
    readonly oldestWaitingMs: number | null;
    /** Bytes of this account on this device, uploaded ones included (contract 7.1). */
    readonly usedBytes: number;
    readonly files: number;
    /** Of `usedBytes`, what could be evicted now (contract 6). */
    readonly evictableBytes: number;
    /** Bytes of uploads that are not done, failed ones included. */
    readonly pendingBytes: number;
    /** Ops that the backend has not acknowledged. */
    readonly outboxOps: number;
  };
  /** Gauges of this process. */
  readonly process: {
    readonly uploadsUnderWay: number;
    readonly uploadSlots: number;
    /** Of the slots, how many are used at most now: fewer while uploads fail for want of bandwidth (field case 28). */
    readonly uploadLimit: number;
    /** Services that run, uploads included. */
    readonly services: number;
    /** Attachments whose machine is in memory. */
    readonly inMemory: number;
  };
  /** Counters since Lading opened, of this process. */
  readonly total: {
    readonly captured: number;
    /** Uploads that were begun; each is a claim in the log. */
    readonly attempts: number;
    readonly uploaded: number;
    readonly uploadedBytes: number;
    /** Attempts that failed, by code; beyond 100 codes the rest count as `other`. */
    readonly failures: Readonly<Record<string, number>>;
    /** Uploads that ended as `failed`. */
    readonly gaveUp: number;
    /** Retries that were asked for and taken. */
    readonly retries: number;
    readonly events: number;
    readonly commits: number;
  };
}
