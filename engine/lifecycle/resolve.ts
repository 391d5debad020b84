import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, MediaRecord } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Part } from '../../ports/part.ts';
import type { Readers } from '../files/readers.ts';
import type { Recency } from '../files/recency.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';
import { safeType } from './safe-type.ts';

/** Bytes that are here, ready to read. */
export interface ResolvedBytes {
  readonly mediaId: MediaId;
  /** Of an allow-list, by the bytes; else `application/octet-stream`, to be saved and never shown (contract 10.2). */
  readonly contentType: string;
  readonly byteSize: number;
  /** From `start` (default 0) to before `end` (default the end). */
  open(range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Uint8Array>;
}

type ByteRange = NonNullable<Parameters<BlobStore['open']>[1]>;

export interface ResolveParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly blobs: BlobStore;
  readonly files: Part<{ readonly readers: Readers; readonly recency: Recency }>;
  readonly accountId: string;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
}

/**
 * Gives the bytes of an attachment; fetches and verifies them when they are not here (contract 3.6): the whole file,
 * since only that has a hash. Many waiters share one download, since it is the attachment's own; one that is aborted
 * leaves it to the others.
 * @throws {LadingError} `not_found`, `bytes_missing`, `already_gone`; the reason of `signal`.
 */
export async function resolveBytes(
  parts: ResolveParts,
  ref: AttachmentRef | MediaId,
  userSignal?: AbortSignal,
): Promise<ResolvedBytes> {
  const { ending } = parts;
  const signal = userSignal === undefined ? ending : AbortSignal.any([userSignal, ending]);
  const mediaId = typeof ref === 'string' ? ref : ref.mediaId;
  // Who reads later has nothing to do with who gave up waiting for it.
  return resolved(parts, await present(parts, mediaId, signal), ending);
}

/** The record of an attachment whose bytes are here, fetched if need be. */
async function present(
  parts: ResolveParts,
  mediaId: MediaId,
  signal: AbortSignal,
): Promise<MediaRecord> {
  const { host, events, tables, blobs, accountId } = parts;
  const read = (): MediaRecord => {
    const media = events.read((tx) => tables.media(tx, mediaId));
    if (media !== undefined && media.accountId === accountId) return media;
    throw new LadingError(
      'not_found',
      `Attachment ${mediaId} is not known on this device yet: sync first.`,
      { details: { mediaId } },
    );
  };

  signal.throwIfAborted();
  let media = read();
  if (media.hasBytes && !(await isStored(blobs, media))) {
    // Somebody cleared the folder: the attachment learns it, and fetches what it can (field case 2).
    await host.send(asStream(mediaId), { type: 'bytes.missing' });
    media = read();
  }
  if (media.hasBytes) return media;

  const changed = nextChanges(host, mediaId, signal);
  try {
    // Asking is a reason to try once more with the credentials of now; what waits for them stays for the next one.
    const isRefused = media.facts.local === 'downloadAwaitingCredentials';
    const asks = isRefused ? 'retry.requested' : 'read.requested';
    await host.send(asStream(mediaId), { type: asks });
    for (media = read(); !media.hasBytes; media = read()) {
      refuseIfHopeless(media);
      await changed.next();
    }
  } finally {
    changed.stop();
  }
  return media;
}

async function isStored(blobs: BlobStore, { blobKey, media }: MediaRecord): Promise<boolean> {
  if (blobKey === null) return false;
  const found = await blobs.stat(blobKey);
  // The size is unknown only for refs of older apps.
  return found !== undefined && (media.byteSize === 0 || found.sizeBytes === media.byteSize);
}

async function resolved(
  parts: ResolveParts,
  media: MediaRecord,
  signal: AbortSignal,
): Promise<ResolvedBytes> {
  const { blobKey, mediaId } = media;
  if (blobKey === null) throw bytesMissing(mediaId, 'they are on no device that this one knows');
  const files = await parts.files();
  // From now on it is one of the last opened, hence one of the last to be evicted.
  files.recency.opened(blobKey);
  const read = (key: BlobKey, range?: ByteRange): AsyncIterable<Uint8Array> =>
    files.readers.reading(key, parts.blobs.open(key, range));
  const open: ResolvedBytes['open'] = async function* (range = {}) {
    files.recency.opened(blobKey);
    let { start = 0 } = range;
    try {
      for await (const bytes of read(blobKey, range)) {
        start += bytes.byteLength;
        yield bytes;
      }
    } catch (error) {
      if (!(error instanceof LadingError) || error.code !== 'blob_missing') throw error;
      // Evicted since: fetched again, once, and it goes on where it was; the bytes are the same by their hash.
      const again = await present(parts, mediaId, signal);
      if (again.blobKey === null) throw error;
      yield* read(again.blobKey, { ...range, start });
    }
  };
  return {
    mediaId,
    contentType: await safeType(media.media, open),
    byteSize: media.media.byteSize,
    open,
  };
}

function refuseIfHopeless({ facts, mediaId, url }: MediaRecord): void {
  if (facts.gone) {
    throw new LadingError('already_gone', `Attachment ${mediaId} was removed.`, {
      details: { mediaId },
    });
  }
  if (url === null) {
    throw bytesMissing(
      mediaId,
      facts.origin === 'here'
        ? 'they were lost before they were uploaded; add the file again'
        : 'its author has not uploaded it yet',
    );
  }
  const fetching =
    facts.local === 'downloading' ||
    facts.local === 'downloadWaiting' ||
    facts.local === 'evicting';
  if (!fetching) {
    throw bytesMissing(mediaId, facts.localError?.code ?? 'the remote does not have them');
  }
}

function bytesMissing(mediaId: MediaId, why: string): LadingError {
  return new LadingError('bytes_missing', `The bytes of ${mediaId} are not here: ${why}.`, {
    details: { mediaId },
  });
}

/** The commits that change one attachment, one `next()` each; none between two calls is missed. */
function nextChanges(host: Host, mediaId: MediaId, signal: AbortSignal) {
  let seen = 0;
  let taken = 0;
  let wake: (() => void) | undefined;
  const unsubscribe = host.subscribe((changes) => {
    if (!changes.some(({ stream }) => stream === asStream(mediaId))) return;
    seen += 1;
    wake?.();
  });
  // Another process on this database may have fetched it.
  const unsubscribeElsewhere = host.onElsewhere(() => {
    seen += 1;
    wake?.();
  });
  const onAbort = (): void => wake?.();
  signal.addEventListener('abort', onAbort);
  return {
    async next(): Promise<void> {
      if (seen === taken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      signal.throwIfAborted();
      taken = seen;
    },
    stop(): void {
      unsubscribe();
      unsubscribeElsewhere();
      signal.removeEventListener('abort', onAbort);
    },
  };
}
