import { BOX_HEADER_BYTES, boxesIn, boxHeader, MAX_BOXES } from './boxes.ts';
import { startsWith, viewOf } from './bytes.ts';
import { type Edit, readMeta } from './heif-items.ts';
import { cleanThumbnail } from './location/thumbnail.ts';
import { cleanTiff } from './location/tiff.ts';
import { cleanXmp } from './location/xmp.ts';
import { blanked, MAX_BUFFERED_BYTES, type Reader, skip, skipRest } from './reader.ts';
import { Unreadable } from './troubles.ts';
import type { Found } from './walk.ts';

/** What has to change in a HEIF file, in the order of the file. */
export type HeifPlan = readonly Edit[];

/** Boxes of the file that are picture, or tell how it is put together. Others become free space. */
const KEPT: ReadonlySet<string> = new Set(['ftyp', 'meta', 'mdat', 'moov', 'styp']);

/**
 * Reads a HEIC, HEIF or AVIF file once and says what to change: the meta box may come last, and what it points to lies
 * before it then. Nothing moves, so that offsets stay what they are.
 */
export async function planHeif(reader: Reader, found: Found): Promise<HeifPlan> {
  const edits: Edit[] = [];
  let hasDimensions = false;
  for (let boxes = 0; ; boxes += 1) {
    const start = reader.position;
    const header = await reader.peek(BOX_HEADER_BYTES);
    if (header.byteLength === 0) break;
    if (boxes === MAX_BOXES) throw new Unreadable('it has too many parts');
    if (start === 0 && !startsWith(header, 'ftyp', 4)) throw new Unreadable('it has no beginning');
    const { type, headerBytes, sizeBytes } = boxHeader(header);
    if (!KEPT.has(type)) {
      edits.push({ start: start + 4, end: start + 8, how: 'free' });
      edits.push({ start: start + headerBytes, end: start + (sizeBytes ?? Infinity), how: 'zero' });
    }
    if (type === 'meta' || type === 'moov') {
      if (sizeBytes === undefined || sizeBytes > MAX_BUFFERED_BYTES) {
        if (type === 'meta') throw new Unreadable('its description is too large');
        found.stuck('its description is too large');
      } else if (type === 'meta') {
        const meta = readMeta(await reader.take(sizeBytes), headerBytes, start);
        for (const [width, height] of meta.dimensions) found.dimensions(width, height);
        hasDimensions ||= meta.dimensions.length > 0;
        edits.push(...meta.edits);
        if (meta.stuck !== undefined) found.stuck(meta.stuck);
      } else edits.push(...filmEdits(await reader.take(sizeBytes), start));
    }
    const left = start + (sizeBytes ?? 0) - reader.position;
    if (sizeBytes === undefined) await skipRest(reader);
    else await skip(reader, left);
  }
  if (!hasDimensions) throw new Unreadable('it says no width and height');
  return inOrder(edits, reader.position, found);
}

/** Gives the file again with the plan carried out. */
export async function* applyHeif(reader: Reader, plan: HeifPlan): AsyncGenerator<Uint8Array> {
  for (const { start, end, how } of plan) {
    yield* reader.pass(start - reader.position);
    if (how === 'zero') yield* blanked(reader, end - start);
    else if (how === 'free') {
      await skip(reader, end - start);
      yield FREE.slice();
    } else yield changed(await reader.take(end - start), how);
  }
  for (let piece = await reader.next(); piece !== undefined; piece = await reader.next())
    yield piece;
}

const FREE = Uint8Array.of(0x66, 0x72, 0x65, 0x65);

function changed(bytes: Uint8Array, how: 'exif' | 'xmp' | 'jpeg'): Uint8Array {
  if (how === 'xmp') cleanXmp(bytes);
  else if (how === 'jpeg') cleanThumbnail(bytes);
  else {
    try {
      // Before the EXIF stands where in it the TIFF header is (ISO/IEC 23008-12 A.2.1).
      cleanTiff(bytes.subarray(4 + viewOf(bytes).getUint32(0)));
    } catch {
      bytes.fill(0); // The orientation of HEIF is a property of the picture, not EXIF.
    }
  }
  return bytes;
}

const NO_PICTURE: ReadonlySet<string> = new Set(['udta', 'meta', 'uuid', 'free', 'skip', 'trak']);

/** Sequences and films: user data and metadata of the film and its tracks. */
function filmEdits(moov: Uint8Array, base: number): readonly Edit[] {
  const edits: Edit[] = [];
  const look = (from: number, to: number): void => {
    for (const { type, start, data, end } of boxesIn(moov, from, to)) {
      // A track holds no tracks.
      if (type === 'trak' && from === 8) look(data, end);
      else if (NO_PICTURE.has(type)) {
        edits.push({ start: base + start + 4, end: base + start + 8, how: 'free' });
        edits.push({ start: base + data, end: base + end, how: 'zero' });
      }
    }
  };
  look(8, moov.byteLength);
  return edits;
}

function inOrder(edits: readonly Edit[], sizeBytes: number, found: Found): HeifPlan {
  const plan: Edit[] = [];
  let position = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    const end = Math.min(edit.end, edit.how === 'zero' ? sizeBytes : edit.end);
    if (end <= edit.start) continue;
    const isReachable = edit.start >= position && end <= sizeBytes;
    const fits = edit.how === 'zero' || end - edit.start <= MAX_BUFFERED_BYTES;
    if (!isReachable || !fits) {
      found.stuck('its EXIF lies where it cannot be reached');
      continue;
    }
    plan.push({ ...edit, end });
    position = end;
  }
  return plan;
}
