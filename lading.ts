import type { AttachmentActor } from './engine/actors/attachment-actor.ts';
import type { AttachmentLogic } from './engine/actors/attachment-logic.ts';
import type { ExplainOptions, Explanation } from './engine/explain/explain.ts';
import type { CacheOptions } from './engine/files/cache-options.ts';
import type { Make } from './engine/files/derived.ts';
import type { CollectOptions, GarbageOptions } from './engine/garbage/options.ts';
import type { GarbageReport } from './engine/garbage/report.ts';
import type { Sentences } from './engine/guardrails/sentences.ts';
import type { StorageView } from './engine/guardrails/storage-view.ts';
import type { StartReport } from './engine/healing/healing.ts';
import type { RecoverOptions, RecoverReport } from './engine/healing/recover.ts';
import type { ImportOptions, ImportReport, ImportRow } from './engine/importing/types.ts';
import type { CaptureAllOptions, CaptureOptions } from './engine/lifecycle/capture.ts';
import type { LinkRequest, OwnerOrEntity, VerbOptions } from './engine/lifecycle/commands.ts';
import type { Fields } from './engine/lifecycle/fields.ts';
import type { ForgetOptions, ForgetReport } from './engine/lifecycle/forget.ts';
import type { CaptureFile } from './engine/lifecycle/prepare-capture.ts';
import type { RefreshCredentials } from './engine/lifecycle/refresh.ts';
import type { ResolvedBytes } from './engine/lifecycle/resolve.ts';
import type { SettledReport } from './engine/lifecycle/settled.ts';
import type { SignOutOptions } from './engine/lifecycle/sign-out.ts';
import type { UndoToken } from './engine/lifecycle/undo-token.ts';
import type { VerifyOptions, VerifyReport } from './engine/lifecycle/verify.ts';
import type { ListItem, LiveView } from './engine/lifecycle/views.ts';
import type { SyncView } from './engine/observe/sync-view.ts';
import type { AttachmentRef, MediaId, Owner } from './machines/attachment/types.ts';
import type { Backend } from './ports/backend.ts';
import type { BlobStore } from './ports/blob-store.ts';
import type { Cancel, Clock } from './ports/clock.ts';
import type { Connectivity } from './ports/connectivity.ts';
import type { StoredEvent } from './ports/event-store.ts';
import type { Inspect } from './ports/inspect.ts';
import type { LeaseOptions } from './ports/lease-options.ts';
import type { LeftWork } from './ports/left-work.ts';
import type { Logger } from './ports/logger.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Random } from './ports/random.ts';
import type { Remote } from './ports/remote.ts';
import type { Secrets } from './ports/secrets.ts';
import type { CaptureSource } from './ports/source.ts';
import type { SqlDatabase } from './ports/sql.ts';
import type { StorageEstimate } from './ports/storage-estimate.ts';

/** An attachment or its id. */
export type RefOrId = AttachmentRef | MediaId | string;

/** What Lading is opened with. Times are milliseconds. */
export interface LadingOptions {
  /** The database that holds the log and all that follows from it; may be the app's own handle, which stays open. */
  readonly store: SqlDatabase;
  readonly blobs: BlobStore;
  readonly remote: Remote;
  /** Where refs are synced; without one they stay on this device, and ops wait in the outbox. */
  readonly backend?: Backend;
  /** Default: always online; the truth is what an attempt finds. */
  readonly connectivity?: Connectivity;
  readonly fields: Fields;
  /** Whose attachments these are: all reads and writes are scoped to it (contract 10.7). */
  readonly account: string;
  /** Projects whose refs are pulled, one change-signal listener each; `null` is "no project". Default `[null]`. */
  readonly projects?: readonly (string | null)[];
  /**
   * Asked for new credentials when the remote, or the backend with `credentials_refused`, refuses those of now: once,
   * however many were refused, never while offline, and not for longer than 30 seconds. Without it, and where it
   * gives `null` or rejects, uploads wait until `credentials` is called, somebody retries, or Lading is opened again.
   */
  readonly refreshCredentials?: RefreshCredentials;
  /** Uploads at the same time, at most: fewer while the link does not bear them (field case 28). Default 3. */
  readonly concurrency?: number;
  /**
   * Uploads the smallest first, so that few large files do not hold up many small ones; every fourth upload is the one
   * whose turn it is, whatever its size, so that large ones arrive too. Default false: owners take turns, each with its
   * oldest.
   */
  readonly smallFirst?: boolean;
  /** How long the network must stay before it counts as back. Default 500. */
  readonly onlineDebounceMs?: number;
  /** This process among others on the same database: lease time, and how to tell that another one is gone. */
  readonly runner?: LeaseOptions;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Default silent. It is told no secrets; errors arrive as plain objects (contract 10.4). */
  readonly logger?: Logger;
  /**
   * Keeps upload urls that let in whoever has them, while they are needed. Default: sealed under a key in the same
   * database, which hides them from every row, log and export, and not from who has the whole file (SECURITY.md).
   */
  readonly secrets?: Secrets;
  /** Shown every hosted attachment with its events and states, after the commits: `statelyInspect` of `lading/inspect`. */
  readonly inspect?: Inspect;
  /** How much room the platform has, as `nodeStorage` from `lading/storage/node`; without one only the budget counts. */
  readonly storageEstimate?: StorageEstimate;
  /** Bytes at most for the attachments of all accounts in this database, beside the estimate. Default no limit. */
  readonly storageBudgetBytes?: number;
  /** When garbage is collected, what keeps files alive beside linked refs, and how long the log stays in full. */
  readonly garbage?: GarbageOptions;
  /**
   * How much of what is at the remote anyway stays on this device (contract 6). Without it, what was uploaded stays
   * until the device is short of room: then, and before a capture is refused, the least recently opened goes.
   */
  readonly cache?: CacheOptions;
  /** What users read, in the app's own words or language, by key (contract 7.4). Default English. */
  readonly sentences?: Partial<Sentences>;
  /**
   * Called once after each opening, when the bytes that were never sent were looked for: which are missing, whether the
   * whole store is, and what `recover` could take over (field cases 1 to 4, 16). A throw in it is logged.
   */
  readonly onStartReport?: (report: StartReport) => void;
  /** Told at named points between two durable steps; for crash tests. */
  readonly crashPoint?: (name: string) => void;
}

/** One attachment in the app's hands. */
export interface Attachment {
  readonly id: MediaId;
  /** As a domain entity stores it; `url` is `offline://<id>` until it is attached. */
  readonly ref: AttachmentRef;
  /** What a screen shows now. */
  readonly view: LiveView;
}

/** The attachment engine of one account (contract 3 to 6). Each verb that returns a promise is durable when it resolves. */
export interface Lading {
  readonly account: string;
  /** A new id, sortable by time (UUIDv7), for `capture(…, { id })`. */
  newMediaId(): MediaId;
  /**
   * Stores the bytes and links them to their owner; after this no crash loses them (contract 3.2).
   * @throws {LadingError} before a byte is stored: `invalid_id`, `wrong_account`, `unknown_field`, `wrong_kind`,
   *   `too_many`, `file_too_large`, `storage_full`, `storage_nearly_full`, `source_empty`, `id_taken`, `invalid_option`,
   *   `wrong_content_type`, `image_unreadable`, `image_too_large`, `location_not_removable`; while looking or storing:
   *   `source_missing`, `source_not_a_file`, `source_unreadable`, `source_changed`, `capture_aborted`, `disk_full`, `blobs_unwritable`. Nothing is left behind.
   *   `part_not_loaded` in a page that is offline before the part was loaded or precached: see `preload`.
   */
  capture(source: CaptureSource, options: CaptureOptions): Promise<Attachment>;
  /**
   * Captures several files of one owner, in their order: all of them in one commit, or none. Every file is checked
   * before a byte of any is stored (contract 3.1, field case 70).
   * @throws {LadingError} as `capture`.
   */
  captureAll(
    files: readonly CaptureFile[],
    options: CaptureAllOptions,
  ): Promise<readonly Attachment[]>;
  /** What a screen shows; needs no network and loads nothing (contract 2). */
  view(ref: RefOrId): LiveView;
  /** An owner's attachments in their order. @throws {LadingError} `invalid_id`, `wrong_account`. */
  list(owner: Owner): readonly ListItem[];
  /**
   * The bytes; fetched and verified when they are not here (contract 3.6): always the whole file, whatever range is read
   * of it, since only the whole has a hash.
   * @throws {LadingError} `not_found`, `bytes_missing`, `already_gone`; what the blob store throws: `blobs_unreadable`.
   */
  resolve(ref: RefOrId, options?: { readonly signal?: AbortSignal }): Promise<ResolvedBytes>;
  /**
   * A file that is made of an attachment and can be made again, as a thumbnail: made at the first call, read from this
   * device at the next ones, and gone with the attachment, or earlier when room is short (field case 68). Two are made at
   * the same time at most; who asks for the same one meanwhile waits for it. Never uploaded, and no part of any ref. One
   * that went since is made again when it is opened, and is `blob_missing` where it comes out with another size.
   * @param name what it is, in `a-z`, `0-9` and `-`: another way of making it needs another name.
   * @param make gets the attachment's bytes, fetched if need be; `signal` is aborted when Lading closes.
   * @throws {LadingError} as `resolve`; `invalid_option`, `storage_full`, `disk_full`; and what `make` throws.
   *
   * @example
   * ```ts
   * const thumb = await lading.derive(ref, 'thumb-200', async (photo) => shrink(photo, 200));
   * ```
   */
  derive(ref: RefOrId, name: string, make: Make): Promise<ResolvedBytes>;
  /** Calls `listener` at once and after each change. Returns what stops it. */
  watch(ref: RefOrId, listener: (view: LiveView) => void): Cancel;
  watch(owner: Owner, listener: (items: readonly ListItem[]) => void): Cancel;
  /** What is not done yet, and what a sync banner says, for the account as a whole (contract 4.7, 8). */
  watch(target: 'sync', listener: (view: SyncView) => void): Cancel;
  /** How full the device is, and the banner to show; after each check and each commit that changes it (contract 7.2). */
  watch(target: 'storage', listener: (view: StorageView) => void): Cancel;
  /** Links a draft, or shares an attachment with one more owner. @throws {LadingError} `not_found`, `already_gone`, `wrong_kind`, `too_many`. */
  link(ref: RefOrId, owner: Owner, options?: VerbOptions): Promise<void>;
  /**
   * Links several, each to its owner, in one commit: all of them in their order, or none (contract 3.3). With
   * `inTransaction` this is how a form with drafts, or an import with several owners, is saved.
   * @throws {LadingError} as `link`.
   */
  linkAll(links: readonly LinkRequest[], options?: VerbOptions): Promise<void>;
  /** Takes a ref away; bytes and object go after the undo time (contract 5.2). @throws {LadingError} `not_found`. */
  remove(ref: RefOrId, owner: Owner, options?: VerbOptions): Promise<UndoToken>;
  /** Puts a new file in the place of an old one, in one commit; the newest wins (contract 5.2). */
  replace(
    ref: RefOrId,
    source: CaptureSource,
    owner: Owner,
    options: Omit<CaptureOptions, 'owner' | 'draft'>,
  ): Promise<{ readonly attachment: Attachment; readonly undo: UndoToken }>;
  /**
   * @param position index in the list without this one; past the end means last.
   * @throws {LadingError} `not_found`, `not_single`, `invalid_option`.
   */
  move(ref: RefOrId, owner: Owner, position: number, options?: VerbOptions): Promise<void>;
  /** Makes an image the only primary one of its owner. @throws {LadingError} `not_found`, `not_single`, `wrong_kind`. */
  setPrimary(ref: RefOrId, owner: Owner, options?: VerbOptions): Promise<void>;
  /** Drops it in whatever state it is, without undo; one that is gone stays so (contract 5.2, field case 69). */
  cancel(ref: RefOrId, options?: VerbOptions): Promise<void>;
  /** Removes all refs of an owner; without `field`, of all fields of the entity. */
  ownerDeleted(owner: OwnerOrEntity, options?: VerbOptions): Promise<UndoToken>;
  /** Takes a removal back; one that was taken back stays so. @throws {LadingError} `undo_expired`, `too_many`. */
  undo(token: UndoToken, options?: VerbOptions): Promise<void>;
  /** Tries a failed or waiting one again now (contract 4.7). */
  retry(ref: RefOrId): Promise<void>;
  /**
   * "Retry sync": asks for all at once that failed and can be retried, waits for its next try, or for a remote that
   * rests (which is asked by one of them first), then pushes and pulls. A second call while one runs is the same one.
   * @returns what it started. `retried`: what had failed or waited, uploads and clean-ups. `uploads`: all that are under
   *   way or next, those among them; 0 while there is no network or all are paused. `pushed`, `refused`, `pulled`: ops
   *   that the backend took and did not take, and rows; `complete`: nothing of it is left to do now.
   */
  retrySync(): Promise<{
    readonly retried: number;
    readonly uploads: number;
    readonly pushed: number;
    readonly refused: number;
    readonly pulled: number;
    readonly complete: boolean;
  }>;
  /** Holds one attachment, or without a ref all uploads of this process. */
  pause(ref?: RefOrId): Promise<void>;
  resume(ref?: RefOrId): Promise<void>;
  /**
   * Keeps its bytes on this device; one that was evicted is fetched again (contract 6).
   * @param pinned `false` lets it go again. Default true.
   * @throws {LadingError} `not_found`.
   */
  pin(ref: RefOrId, pinned?: boolean): Promise<void>;
  /**
   * Sends one over any link from now on, whatever its field says; a restart remembers it. Does nothing to one that any
   * link will do for. @throws {LadingError} `not_found`, `wrong_account`.
   */
  sendNow(ref: RefOrId): Promise<void>;
  /**
   * Uploads this one before others, the last preferred first; what is under way goes on. A restart remembers it. Does
   * nothing to one that was uploaded (contract 4.6). @throws {LadingError} `not_found`, `wrong_account`.
   */
  prefer(ref: RefOrId): Promise<void>;
  /**
   * New credentials of this account, as after a sign-in: handed to the remote and the backend where they take them, then
   * all that waits for credentials goes on, uploads, removals, fetches and ops (contract 4.4). Where adapters ask
   * a function of the app's for headers it is called without an argument, to say that they are new. Durable when it
   * resolves; never stored, logged or shown.
   * @throws {LadingError} `closed`, `part_not_loaded`; and what an adapter rejects them with.
   */
  credentials(next?: unknown): Promise<void>;
  /**
   * Ends the account's session on this device: stops its transfers, which burns nothing, forgets credentials, closes
   * Lading, and says what is not done. That stays, bound to its account, and goes on when it is opened again; no other
   * account sees or sends it (contract 4.8, field case 59). Captures that are not durable yet reject with `closed`.
   * @param options `dryRun`: only says what is left, for a question to the user.
   * @throws {LadingError} `closed`.
   */
  signOut(options?: SignOutOptions): Promise<LeftWork>;
  /**
   * Takes rows, bytes and log of an account off this device, the open one or another one, and overwrites them in the
   * database (contract 10.7). From the first commit on it will happen: a crash in between ends it at the next opening.
   * Forgetting the open account stops its transfers first, and closes Lading. Objects at the remote, refs at the
   * backend and the app's own rows stay.
   * @throws {LadingError} `unsent_work` without `evenUnsent`, when something would be lost that only this device has;
   *   `account_in_use` while another process works for it; `invalid_id`. Nothing happened then. Another process that
   *   has it open and is idle is refused from then on: `account_forgotten`.
   */
  forget(account: string, options?: ForgetOptions): Promise<ForgetReport>;
  /**
   * Finds what nothing needs: files without a record, writes that did not end, leftovers of uploads here and at the
   * remote, and shortens the log of what is at rest (contract 5.4, 5.5). In two phases: what is found is marked, and goes
   * with a later run, when `garbage.graceMs` is over and nothing needs it still. Works in small steps beside everything
   * else, and may be stopped anywhere. Runs by itself too, by `garbage.everyMs`.
   * @throws {LadingError} `roots_unreadable`, `roots_empty`: what keeps files alive is not known; nothing was removed.
   */
  collectGarbage(options?: CollectOptions): Promise<GarbageReport>;
  /**
   * Resolves when nothing is left to do now, and says what still waits and for what. A network that just came back
   * counts after `onlineDebounceMs`; work that a dead process held, when its lease has run out.
   */
  settled(): Promise<SettledReport>;
  /** Rebuilds every state, task and projection from the log and reports what differs (contract 9.2). */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Takes over the refs, and the bytes that were never sent, of an older app: owner by owner, each in one commit with
   * the app's own row (the field's `project`), or not at all. May be called again: what is here already stays as it
   * is, what was removed since does not come back. Durable when it resolves (contract 1).
   * @throws {LadingError} `invalid_option`, `invalid_id`, `wrong_account` for rows that are none: nothing is imported.
   *   What is wrong with a column is in the report, and its owner is left as it was.
   */
  importRefs(rows: readonly ImportRow[], options?: ImportOptions): Promise<ImportReport>;
  /**
   * Takes over what was never sent and what the database does not know any more, since it was lost, restored from an
   * older backup or damaged: by the small sidecars beside the bytes, each with its old id, bytes and refs, so that it
   * uploads. One commit each; may be repeated. Opening a database that `recoverDatabase` made does it by itself; after
   * a restored backup the app decides, by `onStartReport` (field case 16).
   * @throws {LadingError} `invalid_option`; what the blob store throws when its sidecars cannot be listed.
   */
  recover(options?: RecoverOptions): Promise<RecoverReport>;
  /** All events of one attachment, oldest first. @throws {LadingError} `not_found`. */
  history(ref: RefOrId): readonly StoredEvent[];
  /**
   * Why it is where it is: its whole life in sentences, what it waits for, and what to do (contract 9.5). Replays the
   * log; writes nothing. For people who help: what users read is in `view`.
   * @throws {LadingError} `not_found`, `wrong_account`; `invalid_option` for a version or time zone that is not there.
   */
  explain(ref: RefOrId, options?: ExplainOptions): Promise<Explanation>;
  /**
   * XState actor logic for the app's own machines: `setup({ actors: { attachment: lading.attachmentLogic } })`, with
   * `{ ref }` or `{ capture: { source, options } }` as input. It mirrors the durable attachment and forwards `retry`,
   * `cancel`, `pause`, `resume`, `pin`, `unpin`; stopping it, or its parent, stops nothing but the mirror. A refused
   * capture is the actor's error, a `LadingError`; it is done when the attachment is gone for good, or earlier by
   * `until` (design 2). Its persisted snapshot is plain JSON, and restores to the same attachment by its id.
   */
  readonly attachmentLogic: AttachmentLogic;
  /**
   * One attachment as an actor, loaded and kept in memory until its `stop()`: `useSelector(actor, …)` of
   * `@xstate/react` takes it. `getSnapshot()` is the same object as long as nothing changed.
   * @throws {LadingError} `invalid_id`, `not_found`, `wrong_account`.
   */
  actor(ref: RefOrId): Promise<AttachmentActor>;
  /** How it is doing, in numbers; costs a few indexed reads over what is not done. */
  metrics(): Metrics;
  /** Bytes and files on this device, and how full it is, in O(1): nothing is read but totals (contract 7.1). */
  storage(): StorageView;
  /**
   * Evicts what the remote has too, the least recently opened first, until about so many bytes are free: for a button
   * "free up space"; of all accounts in this database, the open one first. Views and refs stay as they are; what is opened again is fetched again (contract 6).
   * @param bytes 0 or more; a large number for all that can go. What was opened in the last ten seconds stays.
   * @returns how many bytes went, when their files are away; less than asked for when there was no more.
   * @throws {LadingError} `invalid_option`.
   */
  freeRoom(bytes: number): Promise<{ readonly freedBytes: number }>;
  /**
   * Stops, gives back what this process held, and closes the database. Verbs that are under way and not durable yet
   * reject with `closed`, and leave nothing behind; uploads go on when it is opened again.
   */
  close(): Promise<void>;
}
