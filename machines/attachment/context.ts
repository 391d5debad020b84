import type {
  AttachmentInput,
  AttachmentOrigin,
  AttachmentPolicy,
  FaultClass,
  MediaFacts,
  MediaId,
  Receipt,
  RefEntry,
  UndoEntry,
} from './types.ts';

/**
 * Where a recorded fault comes from: a class of contract 4.4 as the adapter gave it, or the machine's own finding:
 * `source` (no bytes to upload), `remote` (the remote lost the object and no bytes are here), `backend` (it refused
 * the ref), `bug` (a service threw or was given up).
 */
export type FaultOrigin = FaultClass | 'source' | 'remote' | 'backend' | 'bug';

/** The last thing that went wrong and has not been made good since. */
export interface FaultRecord {
  readonly class: FaultOrigin;
  /** Stable, snake_case; `sentences.ts` says it in words. */
  readonly code: string;
  /** For support staff; from the adapter or the backend, null where there is none. */
  readonly message: string | null;
  /** Whether a retry can help. */
  readonly retryable: boolean;
  /** The backend deleted the object then, by its own clock, and takes refs again once the bytes were sent after that. */
  readonly removedAt?: number;
}

/** All that the machine remembers besides its state value: plain JSON, changed by `assigns.ts` only. */
export interface AttachmentContext {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly origin: AttachmentOrigin;
  readonly media: MediaFacts;
  readonly policy: AttachmentPolicy;
  readonly capturedAt: number;

  /** The refs that hold the attachment, in the order they came. Empty unless `linked`. */
  readonly refs: readonly RefEntry[];
  readonly undoable: readonly UndoEntry[];
  /** The reference region ended: nothing brings the attachment back. */
  readonly gone: boolean;
  /** A tombstone is all that is left of it: what else stands here was never recorded. */
  readonly stripped?: true;
  /** When the present reference state was entered. */
  readonly referenceSince: number;

  /** An upload run was committed on this device: from here on the remote may hold something of ours. */
  readonly touched: boolean;
  /** A locator was known once: the object is the backend's to delete, never this device's (contract 5.2). */
  readonly attached: boolean;
  /** What resumes an upload, and finds a server-named leftover again. */
  readonly handle: string | null;
  readonly receipt: Receipt | null;
  /** The remote locator. */
  readonly url: string | null;
  /** The last deletion by the backend after which this device sends the bytes again; see `FaultRecord.removedAt`. */
  readonly sentAfter?: number;
  /** The remote was asked, and does not have the object behind `url`. */
  readonly remoteAbsent: boolean;
  /** Burnt attempts since the last success or retry. */
  readonly attempts: number;
  /** Refusals under ever newer credentials, in a row. */
  readonly authStrikes: number;
  readonly firstFailedAt: number | null;
  /** Delay of the transfer region's timer, computed by the event that armed it. */
  readonly delayMs: number;
  readonly held: boolean;
  /** Its place before others, the highest first; 0 once it arrived. Absent where nobody asked for it. */
  readonly preferred?: number;
  readonly fault: FaultRecord | null;
  /** When the present transfer state was entered. */
  readonly since: number;
  /** Removals of the remote object that succeeded. */
  readonly sweeps: number;
  /** Failed removals in a row. */
  readonly tries: number;

  readonly blobKey: string | null;
  /** The local copy holds readable bytes. */
  readonly bytes: boolean;
  readonly pinned: boolean;
  /** Somebody asked to read bytes that are not here. */
  readonly wanted: boolean;
  /** Failed evictions, downloads or purges in a row. */
  readonly localTries: number;
  /** Delay of the local region's timer. */
  readonly localDelayMs: number;
  readonly localFault: FaultRecord | null;
  /** When the present local state was entered. */
  readonly localSince: number;
}

/** The defaults of contract 3.3, 4.5 and 5.2. */
export const defaultPolicy: AttachmentPolicy = {
  maxAttempts: 10,
  patienceMs: 7 * 24 * 3_600_000,
  backoffBaseMs: 2_000,
  backoffCapMs: 60_000,
  dropLocalAtOnce: false,
  remoteOnRelease: 'delete',
  draftGraceMs: 24 * 3_600_000,
  undoGraceMs: 30_000,
  lateArrivalMs: 15 * 60_000,
  network: 'any',
};

/** The context of a stream that just began. Refs follow as events of the same commit. */
export function initialContext(input: AttachmentInput): AttachmentContext {
  const { mediaId, accountId, origin, media, policy, capturedAt, url, blobKey } = input;
  return {
    mediaId,
    accountId,
    origin,
    media,
    policy,
    capturedAt,
    refs: [],
    undoable: [],
    gone: false,
    referenceSince: capturedAt,
    touched: false,
    attached: url !== null,
    handle: null,
    receipt: null,
    url,
    remoteAbsent: false,
    attempts: 0,
    authStrikes: 0,
    firstFailedAt: null,
    delayMs: 0,
    held: false,
    fault: null,
    since: capturedAt,
    sweeps: 0,
    tries: 0,
    blobKey,
    bytes: blobKey !== null,
    pinned: false,
    wanted: false,
    localTries: 0,
    localDelayMs: 0,
    localFault: null,
    localSince: capturedAt,
  };
}
