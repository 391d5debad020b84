/** A sidecar's place, relative to the store: `a-<account>/m-<mediaId>`, of ids only, encoded (contract 10.1). */
export type SidecarName = string & { readonly __brand: 'SidecarName' };

/**
 * Small texts beside the bytes, one for each attachment that only this device has: what a lost database is told by
 * (field case 16). They lie where the bytes lie, so that whoever keeps one keeps both.
 */
export interface SidecarStore {
  /**
   * Replaces what is there, in one step; durable on return.
   * @throws {LadingError} `disk_full`, `blobs_unwritable`; what was there before stays.
   */
  write(name: SidecarName, text: string): Promise<void>;
  /**
   * Undefined where there is none.
   * @throws {LadingError} `blob_corrupt`, `blob_key_wrong`: an encrypting store cannot read what is there;
   *   `blobs_unreadable`.
   */
  read(name: SidecarName): Promise<string | undefined>;
  /**
   * Idempotent; durable on return.
   * @param options `soon`: need not be durable on return. After a power cut it may be back, and says what was true once.
   */
  remove(name: SidecarName, options?: { readonly soon?: boolean }): Promise<void>;
  /** All of them, or those of one account, in no order. */
  list(accountId?: string): AsyncIterable<SidecarName>;
}
