import { crc32 } from './crc32.ts';

/*
 * The journal of one image: a header that names the image, then one frame for each committed transaction.
 *
 *   header   "LADINGJ1" | image bytes (f64) | CRC of the image | CRC of this header
 *   frame    "LDGF" | number, from 1 | seal of the frame before, or CRC of the header | length | body | seal
 *
 * All numbers are little-endian. The seal is the CRC of everything before it in the frame, and is written last: a frame
 * without it was not committed. A frame fits only behind the one that it was made for, and a journal only on the image
 * that it was made for.
 */

/** What tells an image from every other one. */
export interface ImageIdentity {
  readonly sizeBytes: number;
  readonly crc: number;
}

export interface JournalStart {
  readonly image: ImageIdentity;
  /** What the first frame names as its predecessor. */
  readonly seal: number;
}

/** The end of a journal: where the next frame goes, and what it names. */
export interface JournalEnd {
  readonly atByte: number;
  readonly frames: number;
  readonly seal: number;
}

export const HEADER_BYTES = 24;
const FRAME_HEAD_BYTES = 16;
const SEAL_BYTES = 4;
/** "LADINGJ1" and "LDGF" as they stand in the file. */
const MAGIC = [0x49_44_41_4c, 0x31_4a_47_4e] as const;
const FRAME_MARK = 0x46_47_44_4c;

const NO_IMAGE: ImageIdentity = { sizeBytes: 0, crc: 0 };

export function identityOf(image: Uint8Array | undefined): ImageIdentity {
  return image === undefined || image.byteLength === 0
    ? NO_IMAGE
    : { sizeBytes: image.byteLength, crc: crc32(image) };
}

export function encodeHeader({ sizeBytes, crc }: ImageIdentity): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + SEAL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC[0], true);
  view.setUint32(4, MAGIC[1], true);
  view.setFloat64(8, sizeBytes, true);
  view.setUint32(16, crc, true);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return bytes.subarray(0, HEADER_BYTES);
}

/** Undefined for what is not the beginning of a journal. */
export function decodeHeader(bytes: Uint8Array): JournalStart | undefined {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC[0] || view.getUint32(4, true) !== MAGIC[1]) {
    return undefined;
  }
  const seal = view.getUint32(20, true);
  if (seal !== crc32(bytes.subarray(0, 20))) return undefined;
  return { image: { sizeBytes: view.getFloat64(8, true), crc: view.getUint32(16, true) }, seal };
}

/** A frame whose seal is still blank, and the seal: written over it, and synced, it commits. */
export function encodeFrame(
  body: Uint8Array,
  after: JournalEnd,
): { readonly bytes: Uint8Array; readonly end: JournalEnd; readonly sealAtByte: number } {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + body.byteLength + SEAL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FRAME_MARK, true);
  view.setUint32(4, after.frames + 1, true);
  view.setUint32(8, after.seal, true);
  view.setUint32(12, body.byteLength, true);
  bytes.set(body, FRAME_HEAD_BYTES);
  const sealAtByte = after.atByte + bytes.byteLength - SEAL_BYTES;
  const seal = sealOf(bytes.subarray(0, bytes.byteLength - SEAL_BYTES));
  const atByte = after.atByte + bytes.byteLength;
  return { bytes, sealAtByte, end: { atByte, frames: after.frames + 1, seal } };
}

export function encodeSeal(seal: number): Uint8Array {
  const bytes = new Uint8Array(SEAL_BYTES);
  new DataView(bytes.buffer).setUint32(0, seal, true);
  return bytes;
}

/** The bodies of all committed frames, and where they end. What comes behind was not committed, or is damaged. */
export function readFrames(
  bytes: Uint8Array,
  start: JournalStart,
): { readonly bodies: readonly Uint8Array[]; readonly end: JournalEnd } {
  const bodies: Uint8Array[] = [];
  let end: JournalEnd = { atByte: HEADER_BYTES, frames: 0, seal: start.seal };
  for (;;) {
    const frame = frameAt(bytes, end.atByte);
    if (frame === undefined || frame.number !== end.frames + 1 || frame.before !== end.seal) break;
    bodies.push(frame.body);
    end = { atByte: frame.endByte, frames: frame.number, seal: frame.seal };
  }
  return { bodies, end };
}

/**
 * Whether a sealed frame lies behind the end: since each is synced before the next is begun, something before it was
 * damaged later, and cutting it off would lose what was acknowledged.
 */
export function hasFrameBehind(bytes: Uint8Array, end: JournalEnd): boolean {
  const view = viewOf(bytes);
  for (let at = end.atByte; at + FRAME_HEAD_BYTES <= bytes.byteLength; at++) {
    if (view.getUint32(at, true) !== FRAME_MARK) continue;
    const frame = frameAt(bytes, at);
    if (frame !== undefined && frame.number > end.frames) return true;
  }
  return false;
}

function frameAt(bytes: Uint8Array, at: number) {
  if (at + FRAME_HEAD_BYTES + SEAL_BYTES > bytes.byteLength) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== FRAME_MARK) return undefined;
  const bodyAt = at + FRAME_HEAD_BYTES;
  const bodyEnd = bodyAt + view.getUint32(at + 12, true);
  const endByte = bodyEnd + SEAL_BYTES;
  if (endByte > bytes.byteLength) return undefined;
  const seal = view.getUint32(bodyEnd, true);
  if (seal !== sealOf(bytes.subarray(at, bodyEnd))) return undefined;
  const body = bytes.subarray(bodyAt, bodyEnd);
  return {
    body,
    endByte,
    seal,
    number: view.getUint32(at + 4, true),
    before: view.getUint32(at + 8, true),
  };
}

/** Never 0, which is what stands there before the commit. */
function sealOf(bytes: Uint8Array): number {
  return crc32(bytes) || 1;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
