import { latin1, SPACE, startsWith, viewOf } from '../bytes.ts';
import { Stuck } from '../troubles.ts';
import { cleanIim, cleanPhotoshop } from './iptc.ts';
import { cleanThumbnail } from './thumbnail.ts';
import { tellsPlace } from './words.ts';
import { cleanXmp } from './xmp.ts';

const TAG = {
  description: 0x010e,
  stripOffsets: 0x0111,
  stripSizes: 0x0117,
  tileOffsets: 0x0144,
  tileSizes: 0x0145,
  subIfds: 0x014a,
  thumbnailAt: 0x0201,
  thumbnailSize: 0x0202,
  xmp: 0x02bc,
  iptc: 0x83bb,
  photoshop: 0x8649,
  exif: 0x8769,
  gps: 0x8825,
  makerNote: 0x927c,
  userComment: 0x9286,
  xpComment: 0x9c9c,
  interop: 0xa005,
} as const;

/**
 * What goes: the GPS directory; maker notes, whose secret layouts hold places too (Panasonic, Nikon, Samsung); private
 * data; GeoTIFF.
 */
const REMOVED: ReadonlySet<number> = new Set([
  TAG.gps,
  TAG.makerNote,
  0xc634,
  0x830e,
  0x8480,
  0x8482,
  0x85d8,
  0x87af,
  0x87b0,
  0x87b1,
]);

/** Bytes of one value, by field type (TIFF 6.0 section 2). */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const MAX_DIRECTORIES = 64;

/**
 * Removes places from a TIFF structure, which is what EXIF is, in place and at the same length. Only what a kept
 * directory entry points to stays; all else is zeroed, and with it the GPS directory and its values. Orientation,
 * time, camera and thumbnail stay.
 * @throws {Stuck} when it has no sound structure.
 */
export function cleanTiff(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  const little = startsWith(bytes, 'II');
  if (
    bytes.byteLength < 8 ||
    !(little || startsWith(bytes, 'MM')) ||
    view.getUint16(2, little) !== 42
  ) {
    throw new Stuck('its EXIF has no header');
  }
  const kept = new Uint8Array(bytes.byteLength);
  const seen = new Set<number>();
  const waiting = [view.getUint32(4, little)];
  kept.fill(1, 0, 8);
  if (!isDirectory(view, waiting[0] ?? 0, little)) throw new Stuck('its EXIF has no directory');
  while (waiting.length > 0) {
    const at = waiting.shift() ?? 0;
    if (at === 0 || seen.has(at) || !isDirectory(view, at, little)) continue;
    if (seen.size === MAX_DIRECTORIES) throw new Stuck('its EXIF has too many directories');
    seen.add(at);
    waiting.push(...cleanDirectory(bytes, at, little, kept));
  }
  for (let at = 0; at < bytes.byteLength; at += 1) if (kept[at] === 0) bytes[at] = 0;
}

interface Entry {
  readonly tag: number;
  readonly raw: Uint8Array;
  /** Where its values lie, in the entry or elsewhere. */
  readonly start: number;
  readonly size: number;
  readonly values: () => readonly number[];
}

/** @returns the directories that it points to. */
function cleanDirectory(
  bytes: Uint8Array,
  at: number,
  little: boolean,
  kept: Uint8Array,
): readonly number[] {
  const view = viewOf(bytes);
  const count = view.getUint16(at, little);
  const entries = Array.from({ length: count }, (_, index) =>
    entryAt(bytes, at + 2 + index * 12, little),
  ).filter((entry) => entry !== undefined);
  const staying = entries.filter(({ tag }) => !REMOVED.has(tag));
  const end = at + 2 + count * 12;
  const hasNext = end + 4 <= bytes.byteLength;
  const next = hasNext ? view.getUint32(end, little) : 0;

  const table = new Uint8Array(2 + staying.length * 12 + (hasNext ? 4 : 0));
  viewOf(table).setUint16(0, staying.length, little);
  for (const [index, { raw }] of staying.entries()) table.set(raw, 2 + index * 12);
  if (hasNext) viewOf(table).setUint32(2 + staying.length * 12, next, little);

  const values = (tag: number): readonly number[] =>
    staying.find((entry) => entry.tag === tag)?.values() ?? [];
  for (const entry of staying) {
    if (entry.size <= 4) continue;
    kept.fill(1, entry.start, entry.start + entry.size);
    cleanValue(entry.tag, bytes.subarray(entry.start, entry.start + entry.size));
  }
  for (const [offsets, sizes] of [
    [TAG.thumbnailAt, TAG.thumbnailSize],
    [TAG.stripOffsets, TAG.stripSizes],
    [TAG.tileOffsets, TAG.tileSizes],
  ] as const) {
    const lengths = values(sizes);
    for (const [index, start] of values(offsets).entries()) {
      const picture = bytes.subarray(start, start + (lengths[index] ?? 0));
      kept.fill(1, start, start + picture.byteLength);
      if (offsets === TAG.thumbnailAt) cleanThumbnail(picture);
    }
  }
  // Last, so that no value that overlaps it is written over it.
  bytes.fill(0, at, Math.min(end + 4, bytes.byteLength));
  bytes.set(table, at);
  kept.fill(1, at, at + table.byteLength);
  return [next, ...[TAG.exif, TAG.interop, TAG.subIfds].flatMap((tag) => values(tag))];
}

/** Undefined for one that points out of the structure, or has no known type: it goes. */
function entryAt(bytes: Uint8Array, at: number, little: boolean): Entry | undefined {
  const view = viewOf(bytes);
  const type = view.getUint16(at + 2, little);
  const count = view.getUint32(at + 4, little);
  const unit = TYPE_BYTES[type] ?? 0;
  const size = unit * count;
  const start = size <= 4 ? at + 8 : view.getUint32(at + 8, little);
  if (unit === 0 || start + size > bytes.byteLength) return undefined;
  const raw = bytes.slice(at, at + 12);
  return {
    tag: view.getUint16(at, little),
    raw,
    start,
    size,
    values() {
      // From the copy where they are in the entry: the table is rewritten.
      const from = size <= 4 ? viewOf(raw) : view;
      const base = size <= 4 ? 8 : start;
      return Array.from({ length: Math.min(count, MAX_VALUES) }, (_, index) =>
        unit === 2
          ? from.getUint16(base + index * 2, little)
          : unit === 4
            ? from.getUint32(base + index * 4, little)
            : 0,
      );
    },
  };
}

/** Strips and tiles of what is at most a thumbnail. */
const MAX_VALUES = 4_096;

function cleanValue(tag: number, value: Uint8Array): void {
  if (tag === TAG.xmp) cleanXmp(value);
  else if (tag === TAG.iptc) cleanIim(value);
  else if (tag === TAG.photoshop) cleanPhotoshop(value);
  else if (tag === TAG.description || tag === TAG.userComment) {
    if (tellsPlace(latin1(value).replaceAll('\0', ''))) value.fill(SPACE);
  } else if (tag === TAG.xpComment && tellsPlace(latin1(value).replaceAll('\0', ''))) value.fill(0);
}

function isDirectory(view: DataView, at: number, little: boolean): boolean {
  if (at < 8 || at + 2 > view.byteLength) return false;
  return at + 2 + view.getUint16(at, little) * 12 <= view.byteLength;
}
