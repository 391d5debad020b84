import type { AttachmentRef, MediaId, Owner, OwnerScope } from '../machines/attachment/types.ts';
import type { Cancel } from './clock.ts';

/** What one device asks of the app's backend; sent at least once, in `opId` order per attachment (contract 1, outbox). */
export type BackendOp =
  /** Adds the ref, or updates url, rank and primary of one that is there. */
  | {
      readonly type: 'ref.put';
      readonly owner: Owner;
      readonly ref: AttachmentRef;
      readonly rank: string;
      /** The user linked it again, or undid a removal: a tombstone of this ref gives way. Without it, it does not. */
      readonly restore?: true;
      /**
       * The `removedAt` of a refusal: since it was heard, this device sends the bytes again, or has sent them. Refs are
       * taken once more, unless the object was deleted again later than that.
       */
      readonly sentAfter?: number;
    }
  /** Tombstones the ref; the backend deletes the object after its grace when no ref is left. */
  | {
      readonly type: 'ref.delete';
      readonly owner: Owner;
      readonly mediaId: MediaId;
      /** The field keeps remote objects (`remoteOnRelease: 'keep'`): the backend does not delete this one. */
      readonly keepObject?: true;
      /**
       * `open`: replaced, and its undo time still runs on this device, which may sleep meanwhile: the object stays until the
       * ref comes back, or `over` follows. `over` says no more than that: a ref that came back since stays.
       */
      readonly undo?: 'open' | 'over';
    };

export interface PushedOp {
  /** The backend drops an op whose id it has seen (`lastMutationId`). */
  readonly opId: string;
  readonly op: BackendOp;
}

export type PushResult =
  | { readonly opId: string; readonly status: 'applied' | 'duplicate' }
  | {
      readonly opId: string;
      readonly status: 'refused';
      readonly code: string;
      readonly message: string;
      /**
       * With `object_gone`: when the object was deleted, by the backend's own clock, each time later than the last. A device
       * that has the bytes sends them again and says so ({@link BackendOp}, `sentAfter`); without it, it shows a failure.
       */
      readonly removedAt?: number;
    };

/** One ref as the backend holds it. `id` is `<mediaId>|<ownerKey>`; a deleted one arrives as a tombstone. */
export interface RefDelta {
  readonly id: string;
  readonly updatedAt: number;
  readonly deletedAt: number | null;
  readonly lastMutationId: string;
  readonly owner: Owner;
  readonly ref: AttachmentRef;
  readonly rank: string;
}

/** Position in the delta stream: everything up to and including `(updatedAt, id)` was applied. */
export interface SyncCursor {
  readonly updatedAt: number;
  readonly id: string;
}

export interface DeltaPage {
  /** Ordered by `(updatedAt, id)`. */
  readonly rows: readonly RefDelta[];
  readonly more: boolean;
}

/** One tiny document per active scope; tells that something changed, never what (contract 1). */
export interface ChangeSignal {
  readonly seq: number;
  readonly changedAt: number;
  /** The `seq` at which each collection changed last, where the backend says so. */
  readonly byCollection?: Readonly<Record<string, number>>;
}

/**
 * The app's backend, seen from one account. `push` and `pull` reject when it cannot be reached or answers nonsense
 * (the caller retries), with {@link LadingError} `credentials_refused` when it is the sign-in that is not accepted: then the
 * app is asked for new credentials. An op that it will not take is a `refused` result.
 */
export interface Backend {
  /** As `Remote.credentials`; both are told. */
  credentials?(next: unknown): void | Promise<void>;
  push(
    ops: readonly PushedOp[],
    options: { readonly signal: AbortSignal },
  ): Promise<readonly PushResult[]>;
  pull(
    scope: OwnerScope,
    after: SyncCursor | null,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<DeltaPage>;
  /** Holds one listener on the scope's change-signal; also calls once with the present one. */
  listen(scope: OwnerScope, listener: (signal: ChangeSignal) => void): Cancel;
}
