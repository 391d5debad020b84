import { latin1, startsWith, viewOf } from './bytes.ts';
import { cleanTiff } from './location/tiff.ts';
import { cleanXmp } from './location/xmp.ts';
import { blanked, countParts, MAX_BUFFERED_BYTES, type Reader, skipRest } from './reader.ts';
import { Stuck, Unreadable } from './troubles.ts';
import type { Found, Walk } from './walk.ts';

const KEPT: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ICCP']);
/** Within a frame of an animation. */
const KEPT_IN_FRAME: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'ALPH']);
const FRAME_HEADER_BYTES = 16;
const HEADER_BYTES = 12;
/** Enough to find width and height in every kind of picture chunk. */
const PEEKED_BYTES = 18;

/** WebP (RFC 9649): chunks are edited at the same length; those that nobody knows are zeroed, and what follows goes. */
export const walkWebp: Walk = async function* (reader, found) {
  const header = await reader.take(HEADER_BYTES);
  if (!startsWith(header, 'RIFF') || !startsWith(header, 'WEBP', 8)) {
    throw new Unreadable('it has no beginning');
  }
  yield header;
  const end = 8 + viewOf(header).getUint32(4, true);
  let hasDimensions = false;
  const count = countParts(reader);
  while (reader.position + 8 <= end) {
    count();
    const start = await reader.peek(PEEKED_BYTES);
    if (start.byteLength < 8) throw new Unreadable('it ends too early');
    const type = latin1(start.subarray(0, 4));
    const size = viewOf(start).getUint32(4, true);
    const dimensions = dimensionsIn(type, start.subarray(8));
    if (dimensions !== undefined) {
      found.dimensions(...dimensions);
      hasDimensions = true;
    }
    yield await reader.take(8);
    if (KEPT.has(type)) yield* reader.pass(size);
    else if (type === 'ANMF') yield* frame(reader, size, found, count);
    else if (type === 'EXIF') yield* exif(reader, size, found);
    else if (type === 'XMP ' && size <= MAX_BUFFERED_BYTES) {
      const data = await reader.take(size);
      cleanXmp(data);
      yield data;
    } else yield* blanked(reader, size);
    yield* padding(reader, size);
  }
  if (!hasDimensions) throw new Unreadable('it says no width and height');
  await skipRest(reader);
};

/** Chunks are of even length. Some writers leave the last one odd. */
async function* padding(reader: Reader, size: number): AsyncGenerator<Uint8Array> {
  if (size % 2 === 0 || (await reader.peek(1)).byteLength === 0) return;
  await reader.take(1);
  yield Uint8Array.of(0);
}

/** A frame of an animation holds chunks of its own: those of its picture stay. */
async function* frame(
  reader: Reader,
  size: number,
  found: Found,
  count: () => void,
): AsyncGenerator<Uint8Array> {
  const end = reader.position + size;
  if (size < FRAME_HEADER_BYTES) throw new Unreadable('one of its chunks is broken');
  yield await reader.take(FRAME_HEADER_BYTES);
  while (reader.position + 8 <= end) {
    count();
    const start = await reader.peek(PEEKED_BYTES);
    if (start.byteLength < 8) throw new Unreadable('it ends too early');
    const type = latin1(start.subarray(0, 4));
    const chunkBytes = viewOf(start).getUint32(4, true);
    if (reader.position + 8 + chunkBytes > end) throw new Unreadable('one of its chunks is broken');
    const dimensions = KEPT_IN_FRAME.has(type) ? dimensionsIn(type, start.subarray(8)) : undefined;
    if (dimensions !== undefined) found.dimensions(...dimensions);
    yield await reader.take(8);
    yield* KEPT_IN_FRAME.has(type) ? reader.pass(chunkBytes) : blanked(reader, chunkBytes);
    if (reader.position < end) yield* padding(reader, chunkBytes);
  }
  yield* blanked(reader, end - reader.position);
}

async function* exif(reader: Reader, size: number, found: Found): AsyncGenerator<Uint8Array> {
  if (size > MAX_BUFFERED_BYTES) {
    found.stuck('its EXIF is too large');
    yield* reader.pass(size);
    return;
  }
  const data = await reader.take(size);
  try {
    cleanTiff(data.subarray(startsWith(data, 'Exif\0\0') ? 6 : 0));
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    found.stuck(error.message);
  }
  yield data;
}

function dimensionsIn(type: string, data: Uint8Array): [number, number] | undefined {
  if (!['VP8X', 'VP8 ', 'VP8L'].includes(type)) return undefined;
  if (data.byteLength < 10) throw new Unreadable('it says no width and height');
  const view = viewOf(data);
  if (type === 'VP8X') return [1 + uint24(view, 4), 1 + uint24(view, 7)];
  if (type === 'VP8L') {
    const bits = view.getUint32(1, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  return [view.getUint16(6, true) & 0x3fff, view.getUint16(8, true) & 0x3fff];
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_00_00;
}
