import type { SqlValue } from '../../ports/sql.ts';
import type { Pages } from './pages.ts';

/** One row as a page holds it; of a table without rowid, `rowid` is null. */
export interface FoundRow {
  readonly rowid: number | null;
  readonly values: readonly SqlValue[];
}

/** Kinds of b-tree pages that hold rows (sqlite.org/fileformat2.html 1.6). */
const TABLE_LEAF = 0x0d;
const INDEX_LEAF = 0x0a;
const INDEX_INTERIOR = 0x02;
const LARGEST_ROW_BYTES = 64 * 1024 * 1024;

/**
 * Every row that the file's pages hold, whatever tables they are of and whether anything leads to them: what a damaged
 * root or a damaged way to it hides is found all the same. A row that cannot be read is left out, and so is its page
 * when that says of itself what cannot be.
 */
export function* rowsOf(pages: Pages): Iterable<FoundRow> {
  for (let number = 1; number <= pages.count; number++) {
    const page = pages.page(number);
    if (page !== undefined) yield* rowsOfPage(pages, page, number === 1 ? 100 : 0);
  }
}

function* rowsOfPage(pages: Pages, page: Uint8Array, offset: number): Iterable<FoundRow> {
  const kind = page[offset];
  if (kind !== TABLE_LEAF && kind !== INDEX_LEAF && kind !== INDEX_INTERIOR) return;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const cells = view.getUint16(offset + 3);
  const pointers = offset + (kind === INDEX_INTERIOR ? 12 : 8);
  for (let index = 0; index < cells; index++) {
    const at = pointers + index * 2;
    if (at + 2 > page.byteLength) return;
    try {
      const row = rowAt(pages, page, view.getUint16(at), kind);
      if (row !== undefined) yield row;
    } catch {
      // A damaged row: the next one may be sound.
    }
  }
}

/** @throws {RangeError} for what leads out of the page. */
function rowAt(
  pages: Pages,
  page: Uint8Array,
  pointer: number,
  kind: number,
): FoundRow | undefined {
  let at = pointer + (kind === INDEX_INTERIOR ? 4 : 0);
  const size = varint(page, at);
  at += size.bytes;
  if (size.value > LARGEST_ROW_BYTES) return undefined;
  let rowid: number | null = null;
  if (kind === TABLE_LEAF) {
    const id = varint(page, at);
    at += id.bytes;
    rowid = id.value;
  }
  const payload = payloadAt(pages, page, at, size.value, kind === TABLE_LEAF);
  const values = payload && valuesOf(payload);
  return values && { rowid, values };
}

/** What does not fit the page goes on in a chain of others. */
function payloadAt(
  pages: Pages,
  page: Uint8Array,
  at: number,
  sizeBytes: number,
  isTable: boolean,
): Uint8Array | undefined {
  const usable = pages.usableBytes;
  const most = isTable ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (sizeBytes <= most) {
    return at + sizeBytes <= usable ? page.subarray(at, at + sizeBytes) : undefined;
  }
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((sizeBytes - least) % (usable - 4));
  const local = fitting <= most ? fitting : least;
  if (at + local + 4 > usable) return undefined;
  const payload = new Uint8Array(sizeBytes);
  payload.set(page.subarray(at, at + local));
  let filled = local;
  let next = uint32(page, at + local);
  while (filled < sizeBytes) {
    const overflow = pages.page(next);
    if (overflow === undefined) return undefined;
    const piece = overflow.subarray(4, 4 + Math.min(usable - 4, sizeBytes - filled));
    payload.set(piece, filled);
    filled += piece.byteLength;
    next = uint32(overflow, 0);
  }
  return payload;
}

/** sqlite.org/fileformat2.html 2.1; undefined for a record that does not add up. */
function valuesOf(payload: Uint8Array): readonly SqlValue[] | undefined {
  const header = varint(payload, 0);
  if (header.value > payload.byteLength) return undefined;
  const values: SqlValue[] = [];
  let at = header.value;
  for (let place = header.bytes; place < header.value; ) {
    const type = varint(payload, place);
    place += type.bytes;
    const length = lengthOf(type.value);
    if (at + length > payload.byteLength) return undefined;
    values.push(valueAt(type.value, payload.subarray(at, at + length)));
    at += length;
  }
  return at === payload.byteLength ? values : undefined;
}

const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

function lengthOf(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : (LENGTHS[type] ?? 0);
}

const text = new TextDecoder('utf-8', { fatal: true });

function valueAt(type: number, bytes: Uint8Array): SqlValue {
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type >= 12) return type % 2 === 0 ? bytes.slice() : text.decode(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 7) return view.getFloat64(0);
  let value = BigInt(view.getInt8(0));
  for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
  return Number(value);
}

function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly bytes: number } {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new RangeError('a number leads out of the page');
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, bytes: index + 1 };
  }
  return { value: value * 256 + (bytes[at + 8] ?? 0), bytes: 9 };
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}
