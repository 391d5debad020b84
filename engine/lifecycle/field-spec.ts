import type {
  AttachmentKind,
  AttachmentPolicy,
  AttachmentRef,
  NetworkPolicy,
  Owner,
} from '../../machines/attachment/types.ts';
import type { SqlTransaction } from '../../ports/sql.ts';

/** What becomes of a picture's location, whatever kind it is captured as (contract 10.5). */
export type LocationPolicy =
  /** Removed before the bytes are hashed; a file it cannot be removed from is refused. */
  | 'remove'
  /** Removed where that is possible; else the file is taken as it is. */
  | 'removeOrKeep'
  /** The bytes are stored as they come. */
  | 'keep';

/**
 * What one field of an entity takes, and how the app's own rows follow it (contract 3.1, 3.3). Times are milliseconds.
 * What `network`, `retention`, `patience`, `grace` and `policy` say is copied into each attachment when it is captured.
 */
export interface FieldSpec {
  readonly kinds: readonly AttachmentKind[];
  /**
   * Media types that the bytes may be, as `image/jpeg` or `video/*`; what they are is sniffed, not believed. SVG, HTML
   * and programs are taken only where their exact type stands here.
   * Default by kind: image JPEG, PNG, GIF, WebP, HEIC, HEIF, AVIF; pdf `application/pdf`; video and audio all of
   * theirs; file everything else.
   */
  readonly contentTypes?: readonly string[];
  /** One ref instead of a list: a second capture is refused, `replace` changes it. Default false. */
  readonly single?: boolean;
  /** Refs at most. Default unlimited; 1 for a single field. */
  readonly maxCount?: number;
  /** Bytes at most for one file. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Width × height at most of an image, from its header (contract 10.6). Default 100,000,000. */
  readonly maxPixels?: number;
  /** Width and height at most, each. Default 32,768. */
  readonly maxSidePixels?: number;
  /** Take files of zero bytes, of kind `file`. Default false. */
  readonly allowEmpty?: boolean;
  /** Whether the first image becomes primary, and the next one when it goes. Default: lists yes, single fields no. */
  readonly primary?: boolean;
  /** Default `remove`. */
  readonly location?: LocationPolicy;
  /** `unmetered`: uploads wait while the link is metered, unless `sendNow` says otherwise (contract 3.4). Default `any`. */
  readonly network?: NetworkPolicy;
  readonly retention?: {
    /** Bytes here after the upload: in the bounded cache, or dropped at once (contract 3.6). Default `cache`. */
    readonly local?: 'cache' | 'drop';
    /** The attached object when its last ref goes (contract 5.2). Default `delete`. */
    readonly remote?: 'delete' | 'keep';
  };
  /** When a retryable error becomes `failed` (contract 4.5). */
  readonly patience?: {
    /** Burnt attempts. Default 10. */
    readonly attempts?: number;
    /** Since the first of them. Default 7 days. */
    readonly ageMs?: number;
  };
  readonly grace?: {
    /** How long a removal can be undone. Default 30 s. */
    readonly undoMs?: number;
    /** How long a draft may stay unlinked. Default 24 h. */
    readonly draftMs?: number;
  };
  /**
   * When storage guardrails hold (contract 7.3): at every save, or only while there is no network, since what is online
   * leaves the device soon. Default `always`.
   */
  readonly guardrails?: 'always' | 'offline';
  /** The same and the rest by the names that the log has. Nothing may be said twice. */
  readonly policy?: Partial<AttachmentPolicy>;
  /**
   * Rewrites the app's own row. Runs in **every** commit that changes the owner's refs, attach included; a throw
   * takes the whole commit back. Synchronous; the refs are in the owner's order.
   */
  project?(tx: SqlTransaction, owner: Owner, refs: readonly AttachmentRef[]): void;
}

/** Fields by `<entityType>.<field>`. */
export type Fields = Readonly<Record<string, FieldSpec>>;

/** `<entityType>.<field>`. */
export type FieldName = `${string}.${string}`;
