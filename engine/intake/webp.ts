import { latin1, startsWith, viewOf } from './bytes.ts';
import { cleanTiff } from './location/tiff.ts';
import { cleanXmp } from './location/xmp.ts';
import { blanked, MAX_BUFFERED_BYTES, type Reader, skipRest } from './reader.ts';
import { Stuck, Unreadable } from './troubles.ts';
import type { Found, Walk } from './walk.ts';

const KEPT: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']);
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
  while (reader.position + 8 <= end) {
    const start = await reader.peek(PEEKED_BYTES);
    if (start.byteLength < 8) throw new Unreadable('it ends too early');
    const type = latin1(start.subarray(0, 4));
    const size = viewOf(start).getUint32(4, true);
    const padded = size + (size % 2);
    const dimensions = dimensionsIn(type, start.subarray(8));
    if (dimensions !== undefined) {
      found.dimensions(...dimensions);
      hasDimensions = true;
    }
    yield await reader.take(8);
    if (KEPT.has(type)) yield* reader.pass(padded);
    else if (type === 'EXIF') yield* exif(reader, padded, found);
    else if (type === 'XMP ' && padded <= MAX_BUFFERED_BYTES) {
      const data = await reader.take(padded);
      cleanXmp(data.subarray(0, size));
      yield data;
    } else yield* blanked(reader, padded);
  }
  if (!hasDimensions) throw new Unreadable('it says no width and height');
  await skipRest(reader);
};

async function* exif(reader: Reader, padded: number, found: Found): AsyncGenerator<Uint8Array> {
  if (padded > MAX_BUFFERED_BYTES) {
    found.stuck('its EXIF is too large');
    yield* reader.pass(padded);
    return;
  }
  const data = await reader.take(padded);
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
