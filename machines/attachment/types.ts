/**
 * The words of one attachment's life: ids, refs, policy, and what its services take and give.
 * Everything here is plain JSON, because it is stored in events and snapshots.
 */

/** An attachment's id: UUIDv7, made on the device, never reused (contract 1). */
export type MediaId = string & { readonly __brand: 'MediaId' };

/** What a file is to a screen; explicit, never guessed from a url (contract 1). */
export type AttachmentKind = 'image' | 'pdf' | 'file' | 'video' | 'audio';

/** The account, and within it the project, that an owner belongs to. `null` is "no project", never "unknown". */
export interface OwnerScope {
  readonly accountId: string;
  readonly projectId?: string | null;
}

/** The entity and field that hold a ref (contract 1). */
export interface Owner {
  readonly scope: OwnerScope;
  readonly entityType: string;
  readonly entityId: string;
  readonly field: string;
}

/** What a domain entity stores about one attachment; never upload state, never a local path (contract 1). */
export interface AttachmentRef {
  readonly mediaId: MediaId;
  /** `offline://<mediaId>` until attached, then a stable remote locator. */
  readonly url: string;
  readonly kind: AttachmentKind;
  readonly contentType?: string;
  readonly byteSize?: number;
  /** Lower-case hex SHA-256 of the bytes. */
  readonly sha256?: string;
  readonly isPrimary?: boolean;
}

/** One place that refers to the attachment, as the attachment's own stream knows it. */
export interface RefEntry {
  readonly owner: Owner;
  /** {@link ownerKey} of `owner`: the key of this entry. */
  readonly key: string;
  /** Position in the owner's list: a fractional index, compared as plain text, ties broken by mediaId. */
  readonly rank: string;
  readonly isPrimary: boolean;
}

/** A removed ref that `undo` can still bring back. */
export interface UndoEntry extends RefEntry {
  readonly removedAt: number;
  /** Another ref took its place: others were told at once. */
  readonly replaced?: true;
}

/** Facts about the bytes; fixed when they were captured. */
export interface MediaFacts {
  readonly kind: AttachmentKind;
  readonly contentType: string;
  readonly byteSize: number;
  readonly sha256: string;
  /** For people to read; never part of a path, key or header (contract 10.1). */
  readonly filename: string | null;
}

/** Over which links bytes may be sent (contract 3.4). */
export type NetworkPolicy = 'any' | 'unmetered';

/** Times are milliseconds. Copied into the stream when it is created, so that replay never depends on settings. */
export interface AttachmentPolicy {
  /** Burnt attempts before `failed` (contract 4.5). Default 10. */
  readonly maxAttempts: number;
  /** Age of the first burnt attempt after which a retryable error is `failed`. Default 7 days. */
  readonly patienceMs: number;
  /** Backoff base and cap (contract 4.5). Defaults 2,000 and 60,000. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Drop local bytes as soon as they are remote, instead of keeping them in the bounded cache. Default false. */
  readonly dropLocalAtOnce: boolean;
  /** What becomes of an attached remote object when its last ref goes (contract 5.2). Default 'delete'. */
  readonly remoteOnRelease: 'delete' | 'keep';
  /** How long a draft may stay unlinked. Default 24 h. */
  readonly draftGraceMs: number;
  /** How long a removal can be undone. Default 30 s. */
  readonly undoGraceMs: number;
  /** How long after a removal a request that was already under way may still land. Default 15 min. */
  readonly lateArrivalMs: number;
  /** `unmetered`: uploads wait while the link is metered. Absent in older streams: `any`. Default 'any'. */
  readonly network?: NetworkPolicy;
}

/** Where the stream began: captured on this device, or learnt from the backend. */
export type AttachmentOrigin = 'here' | 'elsewhere';

/** Input of the machine: payload of the stream's first event. */
export interface AttachmentInput {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly origin: AttachmentOrigin;
  readonly media: MediaFacts;
  readonly policy: AttachmentPolicy;
  /** Only with origin `elsewhere`: the remote locator, or null while its author has not uploaded it. */
  readonly url: string | null;
  /** Only with origin `here`: where the bytes lie, relative to the blob store's base (contract 4.1). */
  readonly blobKey: string | null;
  /** The name that an older app gave to bytes which are not here yet: a later import may still find them by it. */
  readonly localName?: string;
  /** Time of the stream's first event: captured, or first heard of. Milliseconds since 1970. */
  readonly capturedAt: number;
}

/** Error classes of contract 4.4. `offline` burns nothing; `absent`, `busy` and `mismatch` are answers, not failures of transport. */
export type FaultClass =
  | 'retryable'
  | 'offline'
  | 'auth'
  | 'resume_lost'
  | 'terminal'
  | 'mismatch'
  | 'busy'
  | 'absent';

/** A foreseen failure, as a value: services resolve with it. */
export interface Fault {
  readonly ok: false;
  readonly class: FaultClass;
  /** Stable, snake_case. */
  readonly code: string;
  /** For support staff; bounded, without secrets. */
  readonly message?: string;
  readonly retryAfterMs?: number;
}

/** Proof that the remote holds all bytes. */
export interface Receipt {
  /** The stable remote locator, where the upload's own answer already proved it; else null and `attach` resolves it. */
  readonly url: string | null;
  /** What the remote calls the object or this version of it (etag, upload url); opaque. */
  readonly token: string | null;
  /** What the remote itself counted, where it tells; else what was sent. */
  readonly byteSize: number;
  /** Lower-case hex SHA-256 that the remote computed over what it holds; never one that it was only told. */
  readonly sha256?: string;
}

export interface UploadInput {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly blobKey: string;
  readonly handle: string | null;
  readonly media: MediaFacts;
}
export type UploadOutput =
  | { readonly ok: true; readonly receipt: Receipt }
  /** `moved`: the remote keeps more of it than after any run before. */
  | (Fault & { readonly moved?: true });

export interface AttachInput {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly receipt: Receipt;
  readonly handle: string | null;
  readonly media: MediaFacts;
}
export type AttachOutput = { readonly ok: true; readonly url: string } | Fault;

export interface RemoveRemoteInput {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly handle: string | null;
  readonly receipt: Receipt | null;
}
export type RemoveRemoteOutput = { readonly ok: true } | Fault;

/** `evict` drops the cached bytes, `purge` drops bytes and all that hangs on them. */
export interface LocalInput {
  readonly mediaId: MediaId;
  readonly blobKey: string | null;
}
export type LocalOutput = { readonly ok: true } | Fault;

export interface DownloadInput {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly url: string;
  readonly media: MediaFacts;
}
/** `byteSize` and `sha256` are of what was fetched: refs of older apps tell neither. */
export type DownloadOutput =
  | {
      readonly ok: true;
      readonly blobKey: string;
      readonly byteSize?: number;
      readonly sha256?: string;
    }
  | Fault;

/** Facts that the host puts on every event that it steps; the machine asks for no clock and no chance. */
export interface Stamp {
  /** Milliseconds since 1970 of the event. */
  readonly at: number;
  /** Uniform in [0, 1). */
  readonly jitter: number;
}

/** The text key of an owner: stable, ordered by account, project, entity, field. */
export function ownerKey(owner: Owner): string {
  const { accountId, projectId } = owner.scope;
  return [accountId, projectId ?? '', owner.entityType, owner.entityId, owner.field]
    .map(encodeURIComponent)
    .join('/');
}

/** The url of a ref whose bytes are not attached yet (contract 1). */
export function offlineUrl(mediaId: MediaId): string {
  return `offline://${mediaId}`;
}
