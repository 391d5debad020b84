import type { Random } from './random.ts';

/**
 * A UUID of version 7 (RFC 9562 5.7): sorts by its time. The same as `uuid` makes of these bytes; its clock and its
 * counter are not for us, and would be most of its weight.
 */
export function uuid7(atMs: number, random: Random): string {
  const bytes = random.bytes(16);
  const sequence = bytes.slice(6, 10);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(0, Math.floor(atMs / 2 ** 32));
  view.setUint32(2, atMs % 2 ** 32);
  const [a = 0, b = 0, c = 0, d = 0] = sequence;
  // 31 random bits around the version and the variant.
  const bits = ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
  view.setUint16(6, 0x7000 | (bits >>> 20));
  view.setUint16(8, 0x8000 | ((bits >>> 6) & 0x3fff));
  view.setUint8(10, ((bits << 2) & 0xfc) | (view.getUint8(10) & 0x03));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
