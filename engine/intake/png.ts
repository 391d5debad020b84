import { crc32, latin1, startsWith, viewOf } from './bytes.ts';
import { cleanTiff } from './location/tiff.ts';
import { isPlaceName, tellsPlace } from './location/words.ts';
import { cleanXmp } from './location/xmp.ts';
import { countParts, MAX_BUFFERED_BYTES, type Reader, skip, skipRest } from './reader.ts';
import { Stuck, Unreadable } from './troubles.ts';
import type { Found, Walk } from './walk.ts';

const PNG_SIGNATURE = '\x89PNG\r\n\x1a\n';
/** Chunks that say how the picture looks, in PNG (third edition) and its animations. */
const KEPT: ReadonlySet<string> = new Set(
  'IHDR PLTE IDAT IEND acTL fcTL fdAT bKGD cHRM cICP cLLI eXIf gAMA hIST iCCP mDCV pHYs sBIT sPLT sRGB tIME tRNS'.split(
    ' ',
  ),
);
const XMP_KEYWORD = 'XML:com.adobe.xmp';
/** Chunk length, type and checksum. */
const FRAME_BYTES = 12;

/**
 * PNG: chunks have checksums and no offsets, so that one can be edited or left out. Chunks that are no part of the
 * standard go, and so does text that cannot be read as it lies (compressed), or is named after a place.
 */
export const walkPng: Walk = async function* (reader, found) {
  yield await signature(reader);
  const count = countParts(reader);
  for (let isFirst = true; ; isFirst = false) {
    count();
    const header = await reader.peek(8);
    if (header.byteLength < 8) throw new Unreadable('it ends too early');
    const size = viewOf(header).getUint32(0);
    const type = latin1(header.subarray(4));
    if (size > 0x7f_ff_ff_ff || !/^[A-Za-z]{4}$/.test(type)) {
      throw new Unreadable('one of its chunks is broken');
    }
    if (isFirst !== (type === 'IHDR')) throw new Unreadable('it says no width and height');
    if (isFirst) yield await imageHeader(reader, size, found);
    else if (type === 'eXIf') yield* exifChunk(reader, size, found);
    else if (type === 'iTXt' || type === 'tEXt') yield* textChunk(reader, size, type);
    else if (KEPT.has(type)) yield* reader.pass(size + FRAME_BYTES);
    else if (/^[a-z]/.test(type)) await skip(reader, size + FRAME_BYTES);
    else throw new Unreadable(`it needs the unknown chunk ${type}`);
    if (type === 'IEND') break;
  }
  await skipRest(reader);
};

async function signature(reader: Reader): Promise<Uint8Array> {
  const bytes = await reader.take(PNG_SIGNATURE.length);
  if (!startsWith(bytes, PNG_SIGNATURE)) throw new Unreadable('it has no beginning');
  return bytes;
}

async function imageHeader(reader: Reader, size: number, found: Found): Promise<Uint8Array> {
  if (size !== 13) throw new Unreadable('it says no width and height');
  const chunk = await reader.take(size + FRAME_BYTES);
  const view = viewOf(chunk);
  found.dimensions(view.getUint32(8), view.getUint32(12));
  return chunk;
}

async function* exifChunk(reader: Reader, size: number, found: Found): AsyncGenerator<Uint8Array> {
  if (size + FRAME_BYTES > MAX_BUFFERED_BYTES) {
    found.stuck('its EXIF is too large');
    yield* reader.pass(size + FRAME_BYTES);
    return;
  }
  const chunk = await reader.take(size + FRAME_BYTES);
  try {
    cleanTiff(chunk.subarray(8, 8 + size));
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    found.stuck(error.message);
  }
  yield sealed(chunk);
}

/** Text as it lies is kept unless it tells a place; larger or compressed text goes. */
async function* textChunk(reader: Reader, size: number, type: string): AsyncGenerator<Uint8Array> {
  if (size + FRAME_BYTES > MAX_BUFFERED_BYTES) {
    await skip(reader, size + FRAME_BYTES);
    return;
  }
  const chunk = await reader.take(size + FRAME_BYTES);
  const data = chunk.subarray(8, 8 + size);
  const keyword = latin1(data.subarray(0, Math.max(0, data.indexOf(0))));
  const start = type === 'tEXt' ? keyword.length + 1 : internationalText(data, keyword.length);
  if (start === undefined) return;
  const text = data.subarray(start);
  if (keyword === XMP_KEYWORD) {
    cleanXmp(text);
    yield sealed(chunk);
  } else if (!isTelling(keyword) && !tellsPlace(latin1(text))) yield chunk;
}

/** ImageMagick's "Raw profile type exif" and its like hold the whole EXIF in hexadecimal. */
function isTelling(keyword: string): boolean {
  return isPlaceName(keyword) || /exif|xmp|iptc|app1|8bim|geo/i.test(keyword);
}

/** Where the text of an iTXt begins; undefined when it is compressed or broken. */
function internationalText(data: Uint8Array, keywordBytes: number): number | undefined {
  if (data[keywordBytes + 1] !== 0) return undefined;
  const language = data.indexOf(0, keywordBytes + 3);
  const translated = language === -1 ? -1 : data.indexOf(0, language + 1);
  return translated === -1 ? undefined : translated + 1;
}

/** With the checksum of what it holds now. */
function sealed(chunk: Uint8Array): Uint8Array {
  viewOf(chunk).setUint32(chunk.byteLength - 4, crc32(chunk.subarray(4, chunk.byteLength - 4)));
  return chunk;
}
