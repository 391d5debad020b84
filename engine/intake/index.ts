import type { AttachmentKind } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { takes } from '../lifecycle/content-types.ts';
import type { Field } from '../lifecycle/fields.ts';
import { requireSize, tooLarge } from '../lifecycle/prepare-capture.ts';
import { crc32 } from './bytes.ts';
import { pictureOf } from './pictures.ts';
import { createReader, readThrough } from './reader.ts';
import { imageTooLarge, notTaken, stuckLocation, unreadable } from './refusals.ts';
import { sniff } from './sniff.ts';
import { Unreadable } from './troubles.ts';

/** A file that somebody wants to capture. */
export interface Offered {
  readonly kind: AttachmentKind;
  /** What the giver claims: a media type in lower case. */
  readonly contentType: string;
  readonly filename: string | null;
  /** The bytes from the beginning; called more than once. */
  open(): AsyncIterable<Uint8Array>;
}

/** What was found out about a file before a byte of it was stored. */
export interface Inspected {
  /** By the bytes, never by the claim alone. */
  readonly contentType: string;
  /**
   * The bytes as they are to be stored: what comes from a second reading, held against the first, without the location.
   * The iteration throws {@link LadingError} `source_changed`.
   */
  stored(again: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** Enough for every mark, and for the first entries of an archive that is a document. */
const HEAD_BYTES = 16 * 1024;

/**
 * Looks at a file before a byte of it is stored (contract 3.1, 10.2, 10.5, 10.6): what it is, how large a picture it
 * is, and whether its location can be removed. Pictures are read to their end once, in bounded memory and without
 * decoding; of other files the beginning is read.
 * @throws {LadingError} `source_empty`, `wrong_content_type`, `image_unreadable`, `image_too_large`,
 *   `location_not_removable`, `file_too_large`, and what the source throws.
 */
export async function inspect(offered: Offered, field: Field): Promise<Inspected> {
  const { kind } = offered;
  const head = await readHead(offered.open());
  if (head.byteLength === 0) requireSize(field, 0, field.say);
  const contentType = await sniff(head, offered);
  if (!takes(field.contentTypes, kind, contentType)) throw notTaken(field, kind, contentType);
  const picture = pictureOf(contentType);
  if (picture === undefined) {
    if (field.location === 'remove' && mayBePhoto(kind, contentType)) {
      throw stuckLocation(field, `nobody here can look into ${contentType}`);
    }
    return { contentType, stored: (again) => sameHead(again, head) };
  }

  let trouble: string | undefined;
  const seen = counted(offered.open(), field);
  const reader = createReader(seen.bytes);
  try {
    const give = await picture.read(reader, {
      dimensions(width, height) {
        if (width < 1 || height < 1) throw new Unreadable('it says no width and height');
        const isTooLarge = Math.max(width, height) > field.maxSidePixels;
        if (isTooLarge || width * height > field.maxPixels)
          throw imageTooLarge(field, width, height);
      },
      stuck(why) {
        if (field.location === 'remove') throw stuckLocation(field, why);
        trouble ??= why;
      },
    });
    const isRemoved = field.location !== 'keep' && trouble === undefined;
    return {
      contentType,
      stored(again) {
        const same = sameBytes(again, seen);
        return isRemoved ? readThrough(same, give) : same;
      },
    };
  } catch (error) {
    if (error instanceof Unreadable) throw unreadable(field, contentType, error.message);
    throw error;
  } finally {
    await reader.close();
  }
}

/** Drawings and icons, as which nothing takes a photo. */
const NO_PHOTOS: ReadonlySet<string> = new Set([
  'image/bmp',
  'image/icns',
  'image/svg+xml',
  'image/vnd.dwg',
  'image/x-icon',
]);

/** TIFF, raw pictures and their like have EXIF, whatever the kind is as which they come. */
function mayBePhoto(kind: AttachmentKind, contentType: string): boolean {
  return kind === 'image' || (contentType.startsWith('image/') && !NO_PHOTOS.has(contentType));
}

async function readHead(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    // A copy: the source may use its buffer again.
    pieces.push(piece.slice(0, HEAD_BYTES - size));
    size += Math.min(piece.byteLength, HEAD_BYTES - size);
    if (size >= HEAD_BYTES) break;
  }
  const head = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    head.set(piece, at);
    at += piece.byteLength;
  }
  return head;
}

/** What one reading came to. */
interface Seen {
  sizeBytes: number;
  crc: number;
}

function counted(
  source: AsyncIterable<Uint8Array>,
  field: Field,
): Seen & { readonly bytes: AsyncIterable<Uint8Array> } {
  const seen = { sizeBytes: 0, crc: 0, bytes: count() };
  async function* count(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      seen.sizeBytes += piece.byteLength;
      if (seen.sizeBytes > field.maxBytes) throw tooLarge(field, field.say);
      seen.crc = crc32(piece, seen.crc);
      yield piece;
    }
  }
  return seen;
}

/** The second reading of a picture: what is stored is what was looked at. */
async function* sameBytes(
  again: AsyncIterable<Uint8Array>,
  seen: Seen,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  let crc = 0;
  for await (const piece of again) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > seen.sizeBytes) throw changed();
    crc = crc32(piece, crc);
    yield piece;
  }
  if (sizeBytes !== seen.sizeBytes || crc !== seen.crc) throw changed();
}

/** The second reading of any other file: it begins as what it was taken for. */
async function* sameHead(
  again: AsyncIterable<Uint8Array>,
  head: Uint8Array,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const piece of again) {
    const part = piece.subarray(0, head.byteLength - at);
    const wanted = head.subarray(at, at + part.byteLength);
    if (part.some((byte, index) => byte !== wanted[index])) throw changed();
    at += part.byteLength;
    if (head.byteLength < HEAD_BYTES && part.byteLength < piece.byteLength) throw changed();
    yield piece;
  }
  if (at < head.byteLength) throw changed();
}

function changed(): LadingError {
  return new LadingError(
    'source_changed',
    'The file changed while it was read; nothing was stored. Choose it again.',
  );
}
