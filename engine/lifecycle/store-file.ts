import type { BlobKey, BlobStore, WrittenBlob } from '../../ports/blob-store.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Part } from '../../ports/part.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Cache } from '../files/cache.ts';
import type { SharedFiles } from '../files/shared-files.ts';
import type { Reservation } from '../guardrails/reservations.ts';
import type { Say } from '../guardrails/sentences.ts';
import type { Inspected } from '../intake/index.ts';
import { type PreparedCapture, requireSize, tooLarge } from './prepare-capture.ts';
import { ofFile, whichFile } from './which-file.ts';

export interface StoringParts {
  readonly blobs: BlobStore;
  /** Where equal bytes are found, and room is made. */
  readonly files: Part<{
    readonly shared: SharedFiles;
    readonly cache: Pick<Cache, 'freeRoom'>;
  }>;
  readonly accountId: string;
  /** The user's sentences, translated. */
  readonly say: Say;
  newBlobKey(accountId: string): BlobKey;
}

/** A file that was looked at. */
export interface InspectedCapture extends PreparedCapture {
  readonly inspected: Inspected;
}

/** A file that was written, and nobody refers to yet. */
export interface Stored {
  readonly prepared: PreparedCapture;
  readonly blobKey: BlobKey;
  readonly written: WrittenBlob;
}

/**
 * Streams one file into a place of its own.
 * @throws {LadingError} as `capture`, with which file it was; nothing is left behind.
 */
export async function storeFile(
  parts: StoringParts,
  prepared: InspectedCapture,
  index: number,
  signal: AbortSignal,
  room: Reservation,
): Promise<Stored> {
  const { field, source } = prepared;
  const blobKey = parts.newBlobKey(parts.accountId);
  try {
    const write = (): Promise<WrittenBlob> => {
      const clean = prepared.inspected.stored(typed(source, signal));
      const bytes = room.metered(prepared.mediaId, clean);
      return parts.blobs.write(blobKey, bytes, { maxBytes: field.maxBytes, signal });
    };
    const written = await write().catch(async (error: unknown) => {
      if (!(error instanceof LadingError) || error.code !== 'disk_full') throw error;
      // The system had less than it said: what the remote has too makes room, and it is written once more (field case 6).
      const { cache } = await parts.files();
      const missing = source.sizeBytes ?? field.maxBytes;
      const freedBytes = await cache.freeRoom(missing, { signal }).catch(() => 0);
      if (freedBytes === 0 || signal.aborted) throw error;
      return write();
    });
    try {
      requireSize(field, written.sizeBytes, parts.say);
    } catch (error) {
      await parts.blobs.remove(blobKey);
      throw error;
    }
    return { prepared, blobKey, written };
  } catch (error) {
    // The store knows a number of bytes, the user the field's own limit (contract 7.4).
    const isTooLarge = error instanceof LadingError && error.code === 'file_too_large';
    const known = isTooLarge ? tooLarge(field, parts.say) : error;
    throw signal.aborted ? known : ofFile(whichFile(prepared, index), known);
  }
}

/** A source of the app's may throw anything: what it throws gets a code. */
export async function* typed(
  source: CaptureSource,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  try {
    for await (const bytes of source.open(signal)) {
      signal.throwIfAborted();
      if (!((bytes as unknown) instanceof Uint8Array)) throw notBytes();
      yield bytes;
    }
  } catch (cause) {
    if (cause instanceof LadingError || signal.aborted) throw cause;
    throw new LadingError(
      'source_unreadable',
      'The file could not be read to its end; nothing was stored. Choose it again.',
      { cause },
    );
  }
}

function notBytes(): LadingError {
  return new LadingError(
    'source_unreadable',
    'The source gave something else than bytes; nothing was stored. Its open() must yield Uint8Array.',
  );
}
