/**
 * What the platform says of room for bytes. Each number may be missing, and none is trusted: what is not finite or
 * below zero counts as not said.
 */
export interface StorageNumbers {
  /** What can still be written, as of a disk. */
  readonly freeBytes?: number | undefined;
  /** The most that the app may store, as of a browser's quota; not the size of a disk that others fill too. */
  readonly totalBytes?: number | undefined;
  /** What the app stores already, attachments included. */
  readonly usedBytes?: number | undefined;
}

/** Asks the platform. An estimate is no promise (field case 6): it decides when to warn and to refuse, not what fits. */
export interface StorageEstimate {
  /** May fail, and may take its time: then nothing is known, and nothing is refused for it (contract 7.1). */
  estimate(): Promise<StorageNumbers>;
}
