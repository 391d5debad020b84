import { type Box, boxesIn, numbersAt } from './boxes.ts';
import { latin1 } from './bytes.ts';
import { Stuck, Unreadable } from './troubles.ts';

/** Bytes of the file that are to change: offsets from its beginning. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  /** `free`: the type of a box that is dropped; it becomes free space. */
  readonly how: 'exif' | 'xmp' | 'zero' | 'free';
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
  'hdlr dinf pitm iloc iinf iref iprp idat grpl ipro free skip'.split(' '),
);
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
  const location = boxes.find(({ type }) => type === 'iloc');
  if (location === undefined) throw new Unreadable('it does not say where its parts are');
  const idat = boxes.find(({ type }) => type === 'idat');
  return locations(meta, location).flatMap(({ id, method, extents }) => {
    const item = items.get(id);
    if (item === undefined) return [];
    if (item.isProtected) throw new Stuck('its EXIF is encrypted');
    if (method > 1 || (method === 1 && idat === undefined)) {
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
  } else if (itemType === 'uri ') items.set(id, { how: 'zero', isProtected });
}

interface ItemLocation {
  readonly id: number;
  /** 0: in the file; 1: in the meta box's own data; 2: in another item. */
  readonly method: number;
  readonly extents: readonly { readonly offset: number; readonly length: number }[];
}

function locations(meta: Uint8Array, { data, end }: Box): readonly ItemLocation[] {
  const version = meta[data] ?? 0;
  const numbers = numbersAt(meta, data + FULL_BYTES, end);
  const sizes = numbers.next(2);
  const [offsetBytes, lengthBytes, baseBytes] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexBytes = version === 0 ? 0 : sizes & 15;
  const wide = version === 2 ? 4 : 2;
  const count = numbers.next(wide);
  const found: ItemLocation[] = [];
  for (let item = 0; item < count; item += 1) {
    const id = numbers.next(wide);
    const method = version === 0 ? 0 : numbers.next(2) & 15;
    // Data of another file: nothing of it is here.
    const isElsewhere = numbers.next(2) !== 0;
    const base = numbers.next(baseBytes);
    const extents = Array.from({ length: numbers.next(2) }, () => {
      numbers.next(indexBytes);
      return { offset: base + numbers.next(offsetBytes), length: numbers.next(lengthBytes) };
    });
    if (!isElsewhere) found.push({ id, method, extents });
  }
  return found;
}
