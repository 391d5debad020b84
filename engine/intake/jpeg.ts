import { latin1, startsWith, viewOf } from './bytes.ts';
import { cleanPhotoshop } from './location/iptc.ts';
import { cleanTiff } from './location/tiff.ts';
import { tellsPlace } from './location/words.ts';
import { cleanXmp } from './location/xmp.ts';
import { countParts, type Reader, skipRest } from './reader.ts';
import { Stuck, Unreadable } from './troubles.ts';
import type { Found, Walk } from './walk.ts';

const MARKER = {
  soi: 0xd8,
  eoi: 0xd9,
  sos: 0xda,
  app0: 0xe0,
  app1: 0xe1,
  app2: 0xe2,
  app13: 0xed,
  app14: 0xee,
  jpg: 0xc8,
  jpg0: 0xf0,
  jpg13: 0xfd,
  comment: 0xfe,
} as const;
/** JFIF without its thumbnail, which is three bytes a pixel. */
const JFIF_BYTES = 14;
const EXIF = 'Exif\0';
const XMP = 'http://ns.adobe.com/xap/1.0/\0';
const JFIF = 'JFIF\0';
const MPF = 'MPF\0';
const PHOTOSHOP = 'Photoshop 3.0\0';
/** Pictures in one file: the main one, previews and gain maps behind it (CIPA DC-007). */
const MAX_PICTURES = 16;
const MAX_PADDING_BYTES = 64 * 1024;

/**
 * JPEG (ITU-T T.81): segments are edited at the same length, so that what points into the file (MPF, gain maps) still
 * does; compressed data passes as it is. Application segments that nobody knows are zeroed. Behind the last picture
 * nothing stays: phones hang films there, with places of their own.
 */
export const walkJpeg: Walk = async function* (reader, found) {
  const count = countParts(reader);
  for (let picture = 0; picture < MAX_PICTURES; picture += 1) {
    yield* walkPicture(reader, found, count);
    const padding = await takePadding(reader);
    if (padding === undefined) break;
    if (padding.byteLength > 0) yield padding;
  }
  await skipRest(reader);
};

async function* walkPicture(
  reader: Reader,
  found: Found,
  count: () => void,
): AsyncGenerator<Uint8Array> {
  const start = await reader.take(2);
  if (start[0] !== 0xff || start[1] !== MARKER.soi) throw new Unreadable('it has no beginning');
  yield start;
  let hasDimensions = false;
  for (;;) {
    const [first, marker = 0] = await reader.peek(2);
    if (first === undefined) {
      // Cut off in the middle of its picture, as downloads are: what is there can be shown.
      if (hasDimensions) return;
      throw new Unreadable('it ends too early');
    }
    if (first !== 0xff) throw new Unreadable('it has bytes that belong to nothing');
    if (marker === 0xff) {
      yield* passFill(reader);
      continue;
    }
    count();
    if (marker === MARKER.eoi) {
      yield await reader.take(2);
      if (!hasDimensions) throw new Unreadable('it says no width and height');
      return;
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) yield await reader.take(2);
    else {
      const length =
        viewOf(await reader.peek(4)).byteLength < 4 ? 0 : viewOf(await reader.peek(4)).getUint16(2);
      if (marker < 0xc0 || marker === MARKER.soi || length < 2) {
        throw new Unreadable('one of its segments is broken');
      }
      const segment = await reader.take(2 + length);
      if (isFrame(marker)) {
        tellFrame(segment, found);
        hasDimensions = true;
      } else cleanSegment(marker, segment, found);
      yield segment;
      if (marker === MARKER.sos) yield* passScan(reader);
    }
  }
}

/** Any number of these may stand before a marker: the last is its beginning. */
async function* passFill(reader: Reader): AsyncGenerator<Uint8Array> {
  const piece = await reader.next();
  if (piece === undefined) return;
  const behind = piece.findIndex((byte) => byte !== 0xff);
  const size = Math.max(1, (behind === -1 ? piece.byteLength : behind) - 1);
  yield piece.subarray(0, size);
  reader.unread(piece.subarray(size));
}

/** SOF0 to SOF15 without DHT, JPG and DAC. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

function tellFrame(segment: Uint8Array, found: Found): void {
  const view = viewOf(segment);
  const [width, height] = segment.byteLength < 9 ? [0, 0] : [view.getUint16(7), view.getUint16(5)];
  if (width === 0 || height === 0) throw new Unreadable('it says no width and height');
  found.dimensions(width, height);
}

function cleanSegment(marker: number, segment: Uint8Array, found: Found): void {
  const data = segment.subarray(4);
  if (marker === MARKER.comment) {
    if (tellsPlace(latin1(data))) data.fill(0);
    return;
  }
  const isReserved = (marker >= MARKER.jpg0 && marker <= MARKER.jpg13) || marker === MARKER.jpg;
  if (isReserved) data.fill(0);
  if (marker < MARKER.app0 || isReserved) return;
  if (marker === MARKER.app1 && startsWith(data, EXIF)) {
    try {
      cleanTiff(data.subarray(EXIF.length + 1));
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      found.stuck(error.message);
    }
  } else if (marker === MARKER.app1 && startsWith(data, XMP)) cleanXmp(data.subarray(XMP.length));
  else if (marker === MARKER.app13 && startsWith(data, PHOTOSHOP)) {
    cleanPhotoshop(data.subarray(PHOTOSHOP.length));
  } else if (marker === MARKER.app0 && startsWith(data, JFIF)) {
    data.fill(0, Math.min(data.byteLength, JFIF_BYTES + 3 * (data[12] ?? 0) * (data[13] ?? 0)));
  } else if (marker === MARKER.app2 && startsWith(data, MPF)) cleanIndex(data.subarray(MPF.length));
  else if (!isHarmless(marker, data)) data.fill(0);
}

/** The index of further pictures is a TIFF structure (CIPA DC-007): without it, the first picture is still there. */
function cleanIndex(data: Uint8Array): void {
  try {
    cleanTiff(data);
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    data.fill(0);
  }
}

/** A colour profile, and what a decoder needs to know of colours. A thumbnail of JFIF (JFXX) has EXIF of its own. */
function isHarmless(marker: number, data: Uint8Array): boolean {
  if (marker === MARKER.app2) return startsWith(data, 'ICC_PROFILE\0');
  return marker === MARKER.app14 && startsWith(data, 'Adobe');
}

/** Compressed data, up to the next marker that is none of its own. */
async function* passScan(reader: Reader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await reader.next();
    if (piece === undefined) return;
    const cut = firstMarker(piece);
    if (cut === -1) {
      yield piece;
      continue;
    }
    if (cut > 0) yield piece.subarray(0, cut);
    reader.unread(piece.subarray(cut));
    const [, marker] = await reader.peek(2);
    if (marker !== undefined && !isInScan(marker)) return;
    yield await reader.take(marker === undefined ? 1 : 2);
  }
}

/** Where a marker is, or may be at the end of the piece; -1 for nowhere. */
function firstMarker(piece: Uint8Array): number {
  for (let at = piece.indexOf(0xff); at !== -1; at = piece.indexOf(0xff, at + 1)) {
    const marker = piece[at + 1];
    if (marker === undefined || !isInScan(marker)) return at;
  }
  return -1;
}

/** A stuffed byte, or a restart. */
function isInScan(marker: number): boolean {
  return marker === 0 || (marker >= 0xd0 && marker <= 0xd7);
}

/** Zeros before a further picture; undefined when none follows. */
async function takePadding(reader: Reader): Promise<Uint8Array | undefined> {
  let size = 0;
  for (let wanted = 64; ; wanted *= 2) {
    const bytes = await reader.peek(Math.min(wanted, MAX_PADDING_BYTES));
    size = bytes.findIndex((byte) => byte !== 0);
    if (size !== -1 || bytes.byteLength < wanted || wanted >= MAX_PADDING_BYTES) break;
  }
  if (size === -1) return undefined;
  const next = (await reader.peek(size + 3)).subarray(size);
  const isPicture = next[0] === 0xff && next[1] === MARKER.soi && next[2] === 0xff;
  return isPicture ? await reader.take(size) : undefined;
}
