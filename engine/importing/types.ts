import type { AttachmentKind, Owner } from '../../machines/attachment/types.ts';
import type { ErrorCode } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';

/** One column of one entity, as an app held it before Lading did. */
export interface ImportRow {
  /** Where the refs stand from now on. */
  readonly owner: Owner;
  /**
   * What the column holds: a ref, a list of refs, a bare url, a list of urls, the JSON text of any of these, or
   * nothing. A ref is an object with `url`; {@link OldRef} has all that is read of it.
   */
  readonly value: unknown;
  /** Columns that repeat `value` (legacy mirrors): what only they hold is taken over too, behind the rest. */
  readonly mirrors?: readonly unknown[];
  /** For entries that name none. Default: the field's kind, where it takes only one; a url says nothing about it. */
  readonly kind?: AttachmentKind;
}

/** What is read of a ref of an older app; the rest of the object is ignored. */
export interface OldRef {
  /**
   * A remote address; or a local name, whose bytes were never sent: `offline://<local id>`, `file:`, `content:`,
   * `blob:`, an absolute path.
   */
  readonly url: string;
  readonly kind?: AttachmentKind;
  /** Taken as the attachment's id if it is a lower-case UUID. */
  readonly mediaId?: string;
  readonly contentType?: string;
  readonly byteSize?: number;
  /** Lower-case hex. */
  readonly sha256?: string;
  readonly isPrimary?: boolean;
  readonly filename?: string;
}

export interface ImportOptions {
  /**
   * The bytes behind a local name: what a queued job of the older app was to send. They are copied, checked and
   * uploaded as a capture; without it, or when it gives nothing, the ref shows as "not here yet", and a later call
   * may still bring them.
   */
  bytesOf?(local: {
    readonly localName: string;
    readonly owner: Owner;
    readonly ref: OldRef;
  }): CaptureSource | undefined | Promise<CaptureSource | undefined>;
  /**
   * The lasting address behind an older app's url: without its token, or another one altogether. Default: the url as
   * it is; one that carries a token is not taken, since it stops working and would be told to everybody.
   */
  locatorOf?(url: string): string | undefined;
  /** Says what would happen, and changes nothing. Default false. */
  readonly dryRun?: boolean;
}

/** Why an owner was left as it is. */
export interface ImportProblem {
  readonly owner: Owner;
  /** Place of the entry in its column, or null where the column as a whole is meant. */
  readonly index: number | null;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What became of every row; the counts of refs add up to all entries of the owners that were not refused. */
export interface ImportReport {
  readonly owners: {
    /** With at least one change. */
    readonly imported: number;
    readonly unchanged: number;
    /** Left as they were, with a problem each: the app's column still holds everything. */
    readonly refused: number;
  };
  readonly refs: {
    /** Known by a remote address. */
    readonly linked: number;
    /** Their bytes were taken over, and will be uploaded. */
    readonly captured: number;
    /** Local names without bytes: not here yet. */
    readonly waiting: number;
    /** As an earlier call left them. */
    readonly unchanged: number;
    /** The same file again in a column or a mirror of it. */
    readonly repeated: number;
    /** Removed since an earlier call, and not brought back. */
    readonly removedSince: number;
  };
  readonly problems: readonly ImportProblem[];
}
