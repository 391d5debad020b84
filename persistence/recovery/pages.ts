import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The pages of a database file, with what its WAL committed since; no page is believed to be sound. */
export interface Pages {
  readonly pageBytes: number;
  /** Bytes of a page that hold content; the rest is reserved. */
  readonly usableBytes: number;
  readonly count: number;
  /** Numbered from 1. Undefined past the end. */
  page(number: number): Uint8Array | undefined;
  close(): void;
}

const MAGIC = 'SQLite format 3\0';
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** What a file is tried with whose own word cannot be read: the usual ones first. */
export const PAGE_SIZES = [4096, 1024, 2048, 8192, 16_384, 32_768, 65_536, 512] as const;

/** What the header of the file says of its pages; undefined where it cannot be believed. */
export function pageSizeOf(file: string): number | undefined {
  const header = headerOf(file);
  return header === undefined ? walPageSize(`${file}-wal`) : header.pageBytes;
}

/** `user_version` and `application_id` as the file's header has them; undefined where it cannot be believed. */
export function appNumbersOf(
  file: string,
): { readonly userVersion: number; readonly applicationId: number } | undefined {
  return headerOf(file);
}

/** sqlite.org/fileformat2.html 1.3. */
function headerOf(file: string) {
  const bytes = readAt(file, 0, 100);
  if (bytes.byteLength < 100 || !Buffer.from(bytes).toString('latin1').startsWith(MAGIC)) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint16(16);
  const pageBytes = stored === 1 ? 65_536 : stored;
  if (!PAGE_SIZES.some((size) => size === pageBytes)) return undefined;
  return {
    pageBytes,
    reservedBytes: bytes[20] ?? 0,
    userVersion: view.getInt32(60),
    applicationId: view.getInt32(68),
  };
}

export function openPages(file: string, pageBytes: number): Pages {
  const main = openSync(file, 'r');
  const wal = committedFrames(`${file}-wal`, pageBytes);
  const walFile = wal.size === 0 ? undefined : openSync(`${file}-wal`, 'r');
  const inFile = Math.ceil(fstatSync(main).size / pageBytes);
  const count = Math.max(inFile, ...wal.keys());
  const usableBytes = pageBytes - (headerOf(file)?.reservedBytes ?? 0);
  return {
    pageBytes,
    usableBytes,
    count,
    page(number) {
      if (number < 1 || number > count) return undefined;
      const frame = wal.get(number);
      const page = new Uint8Array(pageBytes);
      const read =
        frame !== undefined && walFile !== undefined
          ? readSync(walFile, page, 0, pageBytes, frame)
          : readSync(main, page, 0, pageBytes, (number - 1) * pageBytes);
      return read === 0 ? undefined : page;
    },
    close() {
      closeSync(main);
      if (walFile !== undefined) closeSync(walFile);
    },
  };
}

/** Where in the WAL the last committed image of each page is (sqlite.org/fileformat2.html 4): what does not add up ends it. */
function committedFrames(wal: string, pageBytes: number): ReadonlyMap<number, number> {
  const committed = new Map<number, number>();
  const head = readAt(wal, 0, WAL_HEADER_BYTES);
  if (walPageSize(wal) !== pageBytes) return committed;
  const header = new DataView(head.buffer, head.byteOffset);
  const isLittle = header.getUint32(0) === 0x37_7f_06_82;
  let sum = checksum([0, 0], head.subarray(0, 24), isLittle);
  if (sum[0] !== header.getUint32(24) || sum[1] !== header.getUint32(28)) return committed;
  const open = new Map<number, number>();
  const file = openSync(wal, 'r');
  try {
    const frame = new Uint8Array(FRAME_HEADER_BYTES + pageBytes);
    for (let at = WAL_HEADER_BYTES; ; at += frame.byteLength) {
      if (readSync(file, frame, 0, frame.byteLength, at) < frame.byteLength) break;
      const view = new DataView(frame.buffer);
      if (view.getUint32(8) !== header.getUint32(16)) break;
      if (view.getUint32(12) !== header.getUint32(20)) break;
      sum = checksum(sum, frame.subarray(0, 8), isLittle);
      sum = checksum(sum, frame.subarray(FRAME_HEADER_BYTES), isLittle);
      if (sum[0] !== view.getUint32(16) || sum[1] !== view.getUint32(20)) break;
      open.set(view.getUint32(0), at + FRAME_HEADER_BYTES);
      if (view.getUint32(4) === 0) continue;
      for (const [page, place] of open) committed.set(page, place);
      open.clear();
    }
  } finally {
    closeSync(file);
  }
  return committed;
}

function walPageSize(wal: string): number | undefined {
  const head = readAt(wal, 0, WAL_HEADER_BYTES);
  if (head.byteLength < WAL_HEADER_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset);
  if (view.getUint32(0) >>> 1 !== 0x37_7f_06_82 >>> 1) return undefined;
  const pageBytes = view.getUint32(8);
  return PAGE_SIZES.find((size) => size === pageBytes);
}

type Sum = readonly [number, number];

function checksum([first, second]: Sum, bytes: Uint8Array, isLittle: boolean): Sum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [a, b] = [first, second];
  for (let at = 0; at < bytes.byteLength; at += 8) {
    a = (a + view.getUint32(at, isLittle) + b) >>> 0;
    b = (b + view.getUint32(at + 4, isLittle) + a) >>> 0;
  }
  return [a, b];
}

/** Nothing where there is no such file. */
function readAt(path: string, position: number, length: number): Uint8Array {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array();
    throw error;
  }
  try {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, position));
  } finally {
    closeSync(file);
  }
}
