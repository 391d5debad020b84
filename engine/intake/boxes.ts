import { latin1, viewOf } from './bytes.ts';
import { Unreadable } from './troubles.ts';

/** A box of ISO/IEC 14496-12: its data lies between `data` and `end`, offsets into what was read. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly data: number;
  readonly end: number;
}

export interface BoxHeader {
  readonly type: string;
  readonly headerBytes: number;
  /** Of the whole box; undefined where it reaches to the end of the file. */
  readonly sizeBytes: number | undefined;
}

/** The most that a header needs. */
export const BOX_HEADER_BYTES = 16;

/** @throws {Unreadable} for what is no header. */
export function boxHeader(bytes: Uint8Array): BoxHeader {
  if (bytes.byteLength < 8) throw new Unreadable('it ends too early');
  const view = viewOf(bytes);
  const size = view.getUint32(0);
  const type = latin1(bytes.subarray(4, 8));
  const isLarge = size === 1;
  if (isLarge && bytes.byteLength < 16) throw new Unreadable('it ends too early');
  const headerBytes = isLarge ? 16 : 8;
  const sizeBytes = isLarge ? Number(view.getBigUint64(8)) : size;
  if (size === 0) return { type, headerBytes, sizeBytes: undefined };
  if (sizeBytes < headerBytes || !Number.isSafeInteger(sizeBytes)) {
    throw new Unreadable('one of its boxes is broken');
  }
  return { type, headerBytes, sizeBytes };
}

/** In one box or file: each item and property of a picture is one, and 1 MiB could hold 131,072. */
export const MAX_BOXES = 10_000;

/** The boxes that lie between two offsets. @throws {Unreadable} when one does not fit, or there are too many. */
export function boxesIn(bytes: Uint8Array, from: number, to: number): readonly Box[] {
  const boxes: Box[] = [];
  for (let start = from; start < to; ) {
    const {
      type,
      headerBytes,
      sizeBytes = to - start,
    } = boxHeader(bytes.subarray(start, Math.min(to, start + BOX_HEADER_BYTES)));
    const end = start + sizeBytes;
    if (end > to) throw new Unreadable('one of its boxes is broken');
    if (boxes.length === MAX_BOXES) throw new Unreadable('it has too many parts');
    boxes.push({ type, start, data: start + headerBytes, end });
    start = end;
  }
  return boxes;
}

/** Reads numbers one after the other. @throws {Unreadable} behind the end. */
export interface Numbers {
  readonly at: number;
  /** Unsigned, of 0, 1, 2, 4 or 8 bytes; 0 for none. */
  next(bytes: number): number;
  skip(bytes: number): void;
  text(): string;
}

export function numbersAt(bytes: Uint8Array, start: number, end: number): Numbers {
  const view = viewOf(bytes);
  let at = start;
  const advance = (length: number): number => {
    if (at + length > end) throw new Unreadable('one of its boxes is broken');
    at += length;
    return at - length;
  };
  return {
    get at() {
      return at;
    },
    next(length) {
      const from = advance(length);
      if (length === 8) {
        const value = Number(view.getBigUint64(from));
        if (!Number.isSafeInteger(value)) throw new Unreadable('one of its boxes is broken');
        return value;
      }
      if (length === 4) return view.getUint32(from);
      if (length === 2) return view.getUint16(from);
      if (length === 1) return view.getUint8(from);
      if (length === 0) return 0;
      throw new Unreadable('one of its boxes is broken');
    },
    skip: advance,
    text() {
      const zero = bytes.subarray(at, end).indexOf(0);
      if (zero === -1) throw new Unreadable('one of its boxes is broken');
      const from = advance(zero + 1);
      return latin1(bytes.subarray(from, from + zero));
    },
  };
}
