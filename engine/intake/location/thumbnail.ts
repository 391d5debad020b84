import { startsWith, viewOf } from '../bytes.ts';

/** Zeroes what a JPEG in memory says of itself beside its pixels, in place: a thumbnail needs none of it. */
export function cleanThumbnail(bytes: Uint8Array): void {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return;
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.byteLength && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return;
    const end = at + 2 + view.getUint16(at + 2);
    const isProfile = startsWith(bytes, 'ICC_PROFILE', at + 4);
    const saysMore =
      !isProfile && ((marker >= 0xe1 && marker <= 0xef && marker !== 0xee) || marker === 0xfe);
    if (saysMore) bytes.fill(0, at + 4, Math.min(end, bytes.byteLength));
    if (end <= at + 3) return;
    at = end;
  }
}
