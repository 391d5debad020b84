import { viewOf } from '../bytes.ts';

/** One entry of a TIFF directory. */
export interface Entry {
  readonly tag: number;
  readonly raw: Uint8Array;
  /** Where its values lie, in the entry or elsewhere. */
  readonly start: number;
  readonly size: number;
  readonly isText: boolean;
  readonly values: () => readonly number[];
}

/** Bytes of one value, by field type (TIFF 6.0 section 2). */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const ASCII = 2;

/** Undefined for one that points out of the structure, or has no known type: it goes. */
export function entryAt(bytes: Uint8Array, at: number, little: boolean): Entry | undefined {
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
    isText: type === ASCII,
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
