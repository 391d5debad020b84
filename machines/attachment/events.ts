import type {
  AttachmentInput,
  AttachOutput,
  DownloadOutput,
  LocalOutput,
  MediaFacts,
  Owner,
  RemoveRemoteOutput,
  Stamp,
  UploadOutput,
} from './types.ts';

/** Why a ref went (contract 5.1). */
export type UnlinkReason = 'removed' | 'replaced' | 'owner_deleted';

/** What happened to the attachment's references (contract 3.3, 5.3). */
export type ReferenceEvent =
  | {
      readonly type: 'ref.linked';
      readonly owner: Owner;
      readonly rank: string;
      readonly isPrimary: boolean;
    }
  | { readonly type: 'ref.unlinked'; readonly owner: Owner; readonly reason: UnlinkReason }
  | { readonly type: 'ref.undone'; readonly owner: Owner }
  | { readonly type: 'ref.moved'; readonly owner: Owner; readonly rank: string }
  | { readonly type: 'ref.primary'; readonly owner: Owner; readonly isPrimary: boolean }
  /** A delta holds this ref: it is added, or made equal. */
  | {
      readonly type: 'ref.synced';
      readonly owner: Owner;
      readonly rank: string;
      readonly isPrimary: boolean;
    }
  /** A delta deleted this ref: it goes without undo. */
  | { readonly type: 'ref.tombstoned'; readonly owner: Owner }
  /** The selection was cancelled: everything goes at once, without undo. */
  | { readonly type: 'cancelled' };

/** What happened to its way to the remote (contract 3.4, 3.5, 4). */
export type TransferEvent =
  /** A runner claims the attempt; committed before the remote is contacted (contract 4.2). */
  | { readonly type: 'upload.started' }
  /** The remote named a resumable upload; losing this would orphan its half. */
  | { readonly type: 'upload.opened'; readonly handle: string }
  /** The run ended without an answer and without blame: a gate closed, or the process went. Burns nothing. */
  | { readonly type: 'upload.interrupted'; readonly reason: string }
  | { readonly type: 'retry.requested' }
  | { readonly type: 'held' }
  | { readonly type: 'resumed' }
  | { readonly type: 'credentials.changed' }
  /** The user lets it go over any link, whatever its field says (field case 45). */
  | { readonly type: 'network.waived' }
  /** The user wants it before others: the one with the highest `order` is next (contract 4.6). */
  | { readonly type: 'preferred'; readonly order: number }
  /** The backend will not take the ref. */
  | {
      readonly type: 'backend.refused';
      readonly code: string;
      readonly message: string;
      /** It deleted the object then, and takes refs again once the bytes were sent after that. */
      readonly removedAt?: number;
    }
  /** A delta brought the remote locator. */
  | { readonly type: 'remote.located'; readonly url: string }
  /** The remote was asked and does not have the object. */
  | { readonly type: 'remote.missing' };

/** What happened to the bytes on this device (contract 6). */
export type LocalEvent =
  | { readonly type: 'pinned' }
  | { readonly type: 'unpinned' }
  | { readonly type: 'evict.requested' }
  | { readonly type: 'read.requested' }
  | { readonly type: 'bytes.missing' }
  | { readonly type: 'bytes.found' }
  /** Bytes of a ref that was only known by name came to this device: it is their author from now on. */
  | { readonly type: 'bytes.given'; readonly blobKey: string; readonly media: MediaFacts };

/** Everything that a caller may send; each is a past fact, and is appended as it is. */
export type AttachmentCommand = ReferenceEvent | TransferEvent | LocalEvent;

/** The machine's services by invoke id (which is also their `src`), and what each resolves with. */
export interface ServiceOutputs {
  readonly upload: UploadOutput;
  readonly attach: AttachOutput;
  readonly removeRemote: RemoveRemoteOutput;
  readonly evict: LocalOutput;
  readonly download: DownloadOutput;
  readonly purge: LocalOutput;
}
export type ServiceName = keyof ServiceOutputs;

/** A service resolved. The log holds it as `<service>.succeeded` or `<service>.failed`. */
export type ServiceDone = {
  readonly [Name in ServiceName]: {
    readonly type: `xstate.done.actor.${Name}`;
    readonly output: ServiceOutputs[Name];
  };
}[ServiceName];

/** A service threw, or was given up: a bug. The log holds it as `<service>.crashed`. */
export type ServiceCrashed = {
  readonly [Name in ServiceName]: {
    readonly type: `xstate.error.actor.${Name}`;
    readonly error: unknown;
  };
}[ServiceName];

/** A durable timer came due. The log holds it as `<delay>.elapsed`. */
export interface TimerElapsed {
  readonly type:
    | 'xstate.after.draftGrace.reference_draft'
    | 'xstate.after.undoGrace.reference_released'
    | 'xstate.after.backoff.transfer_waiting'
    | 'xstate.after.removeBackoff.transfer_removeWaiting'
    | 'xstate.after.lateArrival.transfer_settling'
    | 'xstate.after.busyWait.localCopy_inUse'
    | 'xstate.after.downloadBackoff.localCopy_downloadWaiting'
    | 'xstate.after.purgeBackoff.localCopy_purgeWaiting';
}

/** The stream's first event. It has no stamp: its time is `input.capturedAt`. */
export interface Initialised {
  readonly type: 'xstate.init';
  readonly input: AttachmentInput;
}

/** What the machine steps on: the host puts its stamp on every event but the first. */
export type AttachmentEvent =
  | ((AttachmentCommand | ServiceDone | ServiceCrashed | TimerElapsed) & Stamp)
  | Initialised;

/** The time of `event`, or `before` for the first event, which brings none. */
export function timeOf(event: AttachmentEvent, before: number): number {
  return 'at' in event ? event.at : before;
}
