import { type Box, boxesIn, numbersAt } from './boxes.ts';
import { latin1 } from './bytes.ts';
import { Stuck, Unreadable } from './troubles.ts';

/** Bytes of the file that are to change: offsets from its beginning. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  /** `free`: the type of a box that is dropped; it becomes free space. */
  readonly how: 'exif' | 'xmp' | 'jpeg' | 'zero' | 'free';
}

export interface MetaFacts {
  readonly dimensions: readonly (readonly [width: number, height: number])[];
  readonly edits: readonly Edit[];
  /** Why some of what may hold a location cannot be changed. */
  readonly stuck: string | undefined;
}

interface Item {
  readonly how: Edit['how'];
  readonly isProtected: boolean;
}

/** Boxes of the meta box that say how the picture is put together; others are zeroed. */
const KEPT: ReadonlySet<string> = new Set(
  'hdlr dinf pitm iloc iinf iref iprp idat grpl ipro'.split(' '),
);
/** Items that are pictures, coded or put together of others, and regions of them. The data of all others goes. */
const PICTURES: ReadonlySet<string> = new Set(
  'hvc1 hvt1 hev1 lhv1 av01 avc1 avc3 vvc1 vvt1 evc1 j2k1 unci grid iovl iden tmap sato mski rgan'.split(
    ' ',
  ),
);
/** A picture of 400 megapixels has 1600 tiles, each an item. */
const MAX_ITEMS = 10_000;
/** EXIF, XMP and the like lie in one piece, or few. */
const MAX_EXTENTS = 1_000;
/** Full boxes: a version and flags come first. */
const FULL_BYTES = 4;

/**
 * What the meta box of a HEIF file tells (ISO/IEC 23008-12): dimensions, and where its EXIF and XMP lie.
 * @param meta the whole box. @param base its place in the file.
 * @throws {Unreadable} when it has no sound structure.
 */
export function readMeta(meta: Uint8Array, headerBytes: number, base: number): MetaFacts {
  const boxes = boxesIn(meta, headerBytes + FULL_BYTES, meta.byteLength);
  const edits: Edit[] = boxes
    .filter(({ type }) => !KEPT.has(type))
    .map(({ data, end }) => ({ start: base + data, end: base + end, how: 'zero' as const }));
  const dimensions = boxes
    .filter(({ type }) => type === 'iprp')
    .flatMap(({ data, end }) => boxesIn(meta, data, end))
    .filter(({ type }) => type === 'ipco')
    .flatMap(({ data, end }) => boxesIn(meta, data, end))
    .filter(({ type }) => type === 'ispe')
    .map(({ data, end }) => {
      const numbers = numbersAt(meta, data + FULL_BYTES, end);
      return [numbers.next(4), numbers.next(4)] as const;
    });
  try {
    edits.push(...itemEdits(meta, boxes, base));
    return { dimensions, edits, stuck: undefined };
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    return { dimensions, edits, stuck: error.message };
  }
}

function itemEdits(meta: Uint8Array, boxes: readonly Box[], base: number): readonly Edit[] {
  const items = new Map<number, Item>();
  for (const { data, end } of boxes.filter(({ type }) => type === 'iinf')) {
    const version = meta[data] ?? 0;
    const numbers = numbersAt(meta, data + FULL_BYTES, end);
    numbers.next(version === 0 ? 2 : 4);
    for (const entry of boxesIn(meta, numbers.at, end)) readEntry(meta, entry, items);
  }
  if (items.size === 0) return [];
  const [location, other] = boxes.filter(({ type }) => type === 'iloc');
  if (location === undefined || other !== undefined) {
    throw new Unreadable('it does not say where its parts are');
  }
  const idat = boxes.find(({ type }) => type === 'idat');
  return locations(meta, location, items).flatMap(({ item, method, isElsewhere, extents }) => {
    if (item.isProtected) throw new Stuck('its EXIF is encrypted');
    const isInParts = item.how === 'jpeg' && extents.length > 1;
    if (isElsewhere || isInParts || method > 1 || (method === 1 && idat === undefined)) {
      throw new Stuck('its EXIF lies where it cannot be reached');
    }
    const from = method === 1 ? base + (idat?.data ?? 0) : 0;
    return extents.map(({ offset, length }) => {
      if (length === 0) throw new Stuck('its EXIF has no end');
      return {
        start: from + offset,
        end: from + offset + length,
        // What lies in several places is not put together: its orientation is not the one that counts here.
        how: extents.length === 1 ? item.how : ('zero' as const),
      };
    });
  });
}

/** Notes an item that may hold a location: EXIF, XMP, and other data that is no picture. */
function readEntry(meta: Uint8Array, { type, data, end }: Box, items: Map<number, Item>): void {
  if (type !== 'infe') return;
  const version = meta[data] ?? 0;
  if (version < 2) throw new Stuck('it is of an older kind');
  const numbers = numbersAt(meta, data + FULL_BYTES, end);
  const id = numbers.next(version === 2 ? 2 : 4);
  const isProtected = numbers.next(2) !== 0;
  const itemType = latin1(meta.subarray(numbers.at, numbers.at + 4));
  numbers.next(4);
  if (itemType === 'Exif') items.set(id, { how: 'exif', isProtected });
  else if (itemType === 'mime') {
    numbers.text();
    const isXmp = numbers.text() === 'application/rdf+xml';
    items.set(id, { how: isXmp ? 'xmp' : 'zero', isProtected });
  } else if (itemType === 'jpeg') items.set(id, { how: 'jpeg', isProtected });
  else if (!PICTURES.has(itemType)) items.set(id, { how: 'zero', isProtected });
}

interface ItemLocation {
  readonly item: Item;
  /** 0: in the file; 1: in the meta box's own data; 2: in another item. */
  readonly method: number;
  /** Through a data reference: in another file, or in this one after all. */
  readonly isElsewhere: boolean;
  readonly extents: readonly { readonly offset: number; readonly length: number }[];
}

/** Where the items lie that are to change; over all others this goes without a look. */
function locations(
  meta: Uint8Array,
  { data, end }: Box,
  items: ReadonlyMap<number, Item>,
): readonly ItemLocation[] {
  const version = meta[data] ?? 0;
  const numbers = numbersAt(meta, data + FULL_BYTES, end);
  const sizes = numbers.next(2);
  const [offsetBytes, lengthBytes, baseBytes] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexBytes = version === 0 ? 0 : sizes & 15;
  const wide = version === 2 ? 4 : 2;
  const extentBytes = indexBytes + offsetBytes + lengthBytes;
  const count = numbers.next(wide);
  if (count > MAX_ITEMS) throw new Unreadable('it has too many parts');
  let left = MAX_EXTENTS;
  const found: ItemLocation[] = [];
  for (let item = 0; item < count; item += 1) {
    const id = numbers.next(wide);
    const method = version === 0 ? 0 : numbers.next(2) & 15;
    const isElsewhere = numbers.next(2) !== 0;
    const base = numbers.next(baseBytes);
    const extentCount = numbers.next(2);
    // Extents without a byte of their own would cost nothing to write, and everything to read.
    if (extentBytes === 0 && extentCount > 1) throw new Unreadable('one of its boxes is broken');
    const wanted = items.get(id);
    if (wanted === undefined) {
      numbers.skip(extentCount * extentBytes);
      continue;
    }
    left -= extentCount;
    if (left < 0) throw new Unreadable('it has too many parts');
    const extents = Array.from({ length: extentCount }, () => {
      numbers.next(indexBytes);
      return { offset: base + numbers.next(offsetBytes), length: numbers.next(lengthBytes) };
    });
    found.push({ item: wanted, method, isElsewhere, extents });
  }
  return found;
}
