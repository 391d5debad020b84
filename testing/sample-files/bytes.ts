/** Pieces one behind the other. */
export function joined(...pieces: readonly (Uint8Array | string)[]): Uint8Array {
  const all = pieces.map((piece) => (typeof piece === 'string' ? text(piece) : piece));
  const bytes = new Uint8Array(all.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of all) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** One byte per character. */
export function text(value: string): Uint8Array {
  return Uint8Array.from(value, (char) => char.charCodeAt(0));
}

export function uint(value: number, bytes: 1 | 2 | 3 | 4 | 8, little = false): Uint8Array {
  const all = Uint8Array.from({ length: bytes }, (_, at) => Math.floor(value / 256 ** at) % 256);
  return little ? all : all.toReversed();
}

export function crc32(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xed_b8_83_20 : crc >>> 1;
  }
  return ~crc >>> 0;
}
