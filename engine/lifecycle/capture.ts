import type {
  AttachmentInput,
  AttachmentKind,
  MediaId,
  Owner,
} from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore, WrittenBlob } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
import { type AppWrite, runAppWrite } from './app-write.ts';
import { type Field, type FieldRegistry, requireKind, requireRoom } from './fields.ts';
import { ATTACHMENT } from './hosted.ts';
import { asStream, link } from './lists.ts';
import { requireFilename, requireMediaId, requireOwner } from './validate.ts';

export interface CaptureOptions {
  readonly owner: Owner;
  readonly kind: AttachmentKind;
  /** Made beforehand with `newMediaId()`. Default a new one. */
  readonly id?: string;
  /** For people to read. Default the source's. */
  readonly filename?: string;
  /** Do not link and do not upload before `link` (contract 3.3). Default false. */
  readonly draft?: boolean;
  /** Aborts until the commit; nothing is left then. */
  readonly signal?: AbortSignal;
  /** Writes the app's own rows in the same commit. */
  readonly inTransaction?: AppWrite;
}

export interface CaptureParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly blobs: BlobStore;
  readonly fields: FieldRegistry;
  readonly accountId: string;
  readonly clock: Clock;
  newMediaId(): MediaId;
  newBlobKey(accountId: string): BlobKey;
}

/** What goes before the bytes, all of it before a byte is stored (contract 3.1). */
export interface PreparedCapture {
  readonly mediaId: MediaId;
  readonly field: Field;
  readonly owner: Owner;
  readonly kind: AttachmentKind;
  readonly filename: string | null;
  readonly contentType: string;
}

/** @throws {LadingError} `invalid_id`, `wrong_account`, `unknown_field`, `wrong_kind`, `file_too_large`, `source_empty`, `id_taken`. */
export function prepareCapture(
  parts: CaptureParts,
  source: CaptureSource,
  options: CaptureOptions,
): PreparedCapture {
  const owner = requireOwner(options.owner);
  if (owner.scope.accountId !== parts.accountId) throw wrongAccount(owner.scope.accountId);
  const field = parts.fields.get(owner);
  requireKind(field, options.kind);
  requireSize(field, source.sizeBytes);
  const mediaId = options.id === undefined ? parts.newMediaId() : requireMediaId(options.id);
  if (parts.host.state(asStream(mediaId)) !== undefined) throw idTaken(mediaId);
  return {
    mediaId,
    field,
    owner,
    kind: options.kind,
    filename: requireFilename(options.filename ?? source.filename),
    contentType: source.contentType ?? 'application/octet-stream',
  };
}

/**
 * Stores the bytes, then commits what `decide` does with them. Durable on return; when anything throws before the
 * commit, the bytes are removed again (contract 3.2).
 */
export async function storeAndCommit<T>(
  parts: CaptureParts,
  source: CaptureSource,
  prepared: PreparedCapture,
  signal: AbortSignal | undefined,
  decide: (work: Work, create: () => void) => T,
): Promise<T> {
  const { blobs, host, accountId } = parts;
  const { mediaId, field } = prepared;
  const blobKey = parts.newBlobKey(accountId);
  const written = await blobs.write(blobKey, source.open(signal), {
    maxBytes: field.maxBytes,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    requireSize(field, written.sizeBytes);
    return await host.transact((work) => {
      signal?.throwIfAborted();
      return decide(work, () => {
        work.create(asStream(mediaId), ATTACHMENT, plainInput(parts, prepared, blobKey, written));
      });
    });
  } catch (error) {
    await removeUnlessCommitted(parts, mediaId, blobKey);
    throw asCaptureError(error, mediaId, signal);
  }
}

/** Captures one file and links it, unless it is a draft. */
export async function capture(
  parts: CaptureParts,
  source: CaptureSource,
  options: CaptureOptions,
): Promise<MediaId> {
  const prepared = prepareCapture(parts, source, options);
  const { mediaId, field, owner, kind } = prepared;
  if (options.draft !== true) {
    // Checked again in the commit: this one spares the bytes (field case 70).
    requireRoom(field, countRefs(parts, owner), 1);
  }
  await storeAndCommit(parts, source, prepared, options.signal, (work, create) => {
    create();
    if (options.draft !== true) {
      link(work, parts.tables, field, owner, mediaId, { isImage: kind === 'image' });
    }
    runAppWrite(work, options.inTransaction);
  });
  return mediaId;
}

function countRefs({ events, tables }: CaptureParts, owner: Owner): number {
  return events.read((tx) => tables.refsOfOwner(tx, ownerKey(owner))).length;
}

function plainInput(
  parts: CaptureParts,
  prepared: PreparedCapture,
  blobKey: BlobKey,
  written: WrittenBlob,
) {
  const { mediaId, kind, contentType, filename, field } = prepared;
  return {
    mediaId,
    accountId: parts.accountId,
    origin: 'here',
    media: {
      kind,
      contentType,
      filename,
      byteSize: written.sizeBytes,
      sha256: written.sha256,
    },
    policy: { ...field.policy },
    capturedAt: parts.clock.now(),
    url: null,
    blobKey,
  } satisfies AttachmentInput;
}

/** A commit whose outcome is unknown may have happened: then the bytes are needed. */
async function removeUnlessCommitted(
  { host, blobs }: CaptureParts,
  mediaId: MediaId,
  blobKey: BlobKey,
): Promise<void> {
  try {
    const state = host.state(asStream(mediaId));
    if (state?.context['blobKey'] === blobKey) return;
  } catch {
    return; // Cannot tell: the bytes stay, and garbage collection decides after its grace.
  }
  await blobs.remove(blobKey);
}

function asCaptureError(
  error: unknown,
  mediaId: MediaId,
  signal: AbortSignal | undefined,
): unknown {
  if (error instanceof LadingError && error.code === 'stream_exists') return idTaken(mediaId);
  if (signal?.aborted === true && !(error instanceof LadingError)) {
    return new LadingError('capture_aborted', 'The capture was aborted; nothing was stored.', {
      cause: error,
    });
  }
  return error;
}

function requireSize(field: Field, sizeBytes: number | undefined): void {
  if (sizeBytes === 0 && !field.allowEmpty) {
    throw new LadingError('source_empty', 'The file is empty: choose another one.', {
      details: { field: field.name },
    });
  }
  if (sizeBytes !== undefined && sizeBytes > field.maxBytes) throw tooLarge(field);
}

function tooLarge(field: Field): LadingError {
  const limit = `${Math.floor((field.maxBytes / (1024 * 1024)) * 10) / 10}MB`;
  return new LadingError('file_too_large', `File too large. Maximum size is ${limit}.`, {
    details: { field: field.name, maxBytes: field.maxBytes },
  });
}

export function wrongAccount(accountId: string): LadingError {
  return new LadingError(
    'wrong_account',
    `This belongs to account "${accountId}", which is not the one that is open: open Lading for it.`,
    { details: { accountId } },
  );
}

function idTaken(mediaId: MediaId): LadingError {
  return new LadingError(
    'id_taken',
    `There is an attachment ${mediaId} already: ids are never used twice; make one with newMediaId().`,
    { details: { mediaId } },
  );
}
