import { latin1, SPACE, startsWith, viewOf } from '../bytes.ts';
import { Stuck } from '../troubles.ts';
import { cleanIim, cleanPhotoshop } from './iptc.ts';
import { cleanThumbnail } from './thumbnail.ts';
import { type Entry, entryAt } from './tiff-entries.ts';
import { tellsPlace } from './words.ts';
import { cleanXmp } from './xmp.ts';

const TAG = {
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

/** Titles, comments and the like that Windows writes, in UTF-16. */
const WIDE_TEXTS: ReadonlySet<number> = new Set([0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f]);
const MAX_DIRECTORIES = 64;
/** In all directories; cameras write fewer than 300. */
const MAX_ENTRIES = 4_096;
/** Values do not lie one over the other: what is looked at is about as large as the structure. */
const MAX_LOOKED_AT = 4;
const MIN_BUDGET_BYTES = 64 * 1024;

/** What becomes of a byte at the end. */
const FATE = { goes: 0, isValue: 1, isTable: 2 } as const;

/** What one cleaning keeps in mind. */
interface Cleaning {
  readonly bytes: Uint8Array;
  readonly little: boolean;
  readonly fate: Uint8Array;
  /** Values that were looked at, as `tag:start:size`: each once. */
  readonly values: Set<string>;
  /** Ranges that go last, whatever keeps bytes of them too. */
  readonly removed: (readonly [start: number, end: number])[];
  /** Where GPS directories are said to lie. */
  readonly places: Set<number>;
  entriesLeft: number;
  bytesLeft: number;
}

/**
 * Removes places from a TIFF structure, which is what EXIF is, in place and at the same length. Only what a kept
 * directory entry points to stays; all else is zeroed, and with it the GPS directory and its values. Orientation,
 * time, camera and thumbnail stay.
 * @returns how many bytes of values it looked at: never more than four times the structure, and 64 KiB.
 * @throws {Stuck} when it has no sound structure, or needs more.
 */
export function cleanTiff(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const little = startsWith(bytes, 'II');
  if (
    bytes.byteLength < 8 ||
    !(little || startsWith(bytes, 'MM')) ||
    view.getUint16(2, little) !== 42
  ) {
    throw new Stuck('its EXIF has no header');
  }
  const budget = MAX_LOOKED_AT * bytes.byteLength + MIN_BUDGET_BYTES;
  const cleaning: Cleaning = {
    bytes,
    little,
    fate: new Uint8Array(bytes.byteLength),
    values: new Set(),
    removed: [],
    places: new Set(),
    entriesLeft: MAX_ENTRIES,
    bytesLeft: budget,
  };
  const { fate, places } = cleaning;
  const seen = new Set<number>();
  const waiting = [view.getUint32(4, little)];
  fate.fill(FATE.isTable, 0, 8);
  if (!isDirectory(view, waiting[0] ?? 0, little)) throw new Stuck('its EXIF has no directory');
  while (waiting.length > 0) {
    const at = waiting.shift() ?? 0;
    if (at === 0 || seen.has(at) || !isDirectory(view, at, little)) continue;
    if (seen.size === MAX_DIRECTORIES) throw new Stuck('its EXIF has too many directories');
    seen.add(at);
    waiting.push(...cleanDirectory(cleaning, at));
  }
  for (const at of places) {
    if (seen.has(at)) throw new Stuck('its GPS directory is another one too');
    removeDirectory(cleaning, at);
  }
  // Last: nothing that is kept keeps what is removed, but for the tables, which hold kept entries only.
  for (const [start, end] of cleaning.removed) {
    for (let at = start; at < end; at += 1) if (fate[at] !== FATE.isTable) fate[at] = FATE.goes;
  }
  for (let at = 0; at < bytes.byteLength; at += 1) if (fate[at] === FATE.goes) bytes[at] = 0;
  return budget - cleaning.bytesLeft;
}

function spend(cleaning: Cleaning, bytes: number): void {
  cleaning.bytesLeft -= bytes;
  if (cleaning.bytesLeft < 0) throw new Stuck('its EXIF points to the same bytes too often');
}

function entriesAt(cleaning: Cleaning, at: number): readonly Entry[] {
  const { bytes, little } = cleaning;
  const count = viewOf(bytes).getUint16(at, little);
  cleaning.entriesLeft -= count;
  if (cleaning.entriesLeft < 0) throw new Stuck('its EXIF has too many entries');
  return Array.from({ length: count }, (_, index) =>
    entryAt(bytes, at + 2 + index * 12, little),
  ).filter((entry) => entry !== undefined);
}

function remove(cleaning: Cleaning, start: number, end: number): void {
  spend(cleaning, end - start);
  cleaning.removed.push([start, end]);
}

/** A GPS directory, with its values: a kept value may lie over them. */
function removeDirectory(cleaning: Cleaning, at: number): void {
  const view = viewOf(cleaning.bytes);
  if (!isDirectory(view, at, cleaning.little)) {
    if (at >= 8 && at < view.byteLength) remove(cleaning, at, view.byteLength);
    return;
  }
  for (const { start, size } of entriesAt(cleaning, at)) {
    if (size > 4) remove(cleaning, start, start + size);
  }
  remove(cleaning, at, at + 2 + view.getUint16(at, cleaning.little) * 12);
}

/** @returns the directories that it points to. */
function cleanDirectory(cleaning: Cleaning, at: number): readonly number[] {
  const { bytes, little, fate } = cleaning;
  const view = viewOf(bytes);
  const count = view.getUint16(at, little);
  const entries = entriesAt(cleaning, at);
  for (const { tag, start, size, values } of entries) {
    if (tag === TAG.gps) cleaning.places.add(values()[0] ?? 0);
    else if (REMOVED.has(tag) && size > 4) remove(cleaning, start, start + size);
  }
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
    if (entry.size > 4) cleanOnce(cleaning, entry.tag, entry.start, entry.size, entry.isText);
  }
  for (const [offsets, sizes] of [
    [TAG.thumbnailAt, TAG.thumbnailSize],
    [TAG.stripOffsets, TAG.stripSizes],
    [TAG.tileOffsets, TAG.tileSizes],
  ] as const) {
    const lengths = values(sizes);
    for (const [index, start] of values(offsets).entries()) {
      const size = Math.min(lengths[index] ?? 0, bytes.byteLength - start);
      if (size > 0) cleanOnce(cleaning, offsets, start, size, false);
    }
  }
  // Last, so that no value that overlaps it is written over it.
  bytes.fill(0, at, Math.min(end + 4, bytes.byteLength));
  bytes.set(table, at);
  fate.fill(FATE.isTable, at, at + table.byteLength);
  return [next, ...[TAG.exif, TAG.interop, TAG.subIfds].flatMap((tag) => values(tag))];
}

function cleanOnce(
  cleaning: Cleaning,
  tag: number,
  start: number,
  size: number,
  isText: boolean,
): void {
  const { bytes, fate, values } = cleaning;
  const key = `${tag}:${start}:${size}`;
  if (values.has(key)) return;
  values.add(key);
  spend(cleaning, size);
  for (let at = start; at < start + size; at += 1) fate[at] ||= FATE.isValue;
  cleanValue(tag, bytes.subarray(start, start + size), isText);
}

function cleanValue(tag: number, value: Uint8Array, isText: boolean): void {
  if (tag === TAG.thumbnailAt) cleanThumbnail(value);
  else if (tag === TAG.stripOffsets || tag === TAG.tileOffsets) {
    if (startsWith(value, '\xff\xd8')) cleanThumbnail(value);
  } else if (tag === TAG.xmp) cleanXmp(value);
  else if (tag === TAG.iptc) cleanIim(value);
  else if (tag === TAG.photoshop) cleanPhotoshop(value);
  else if (isText || tag === TAG.userComment) {
    if (tellsPlace(latin1(value).replaceAll('\0', ''))) value.fill(SPACE);
  } else if (WIDE_TEXTS.has(tag) && tellsPlace(latin1(value).replaceAll('\0', ''))) value.fill(0);
}

function isDirectory(view: DataView, at: number, little: boolean): boolean {
  if (at < 8 || at + 2 > view.byteLength) return false;
  return at + 2 + view.getUint16(at, little) * 12 <= view.byteLength;
}
