import { startsWith, viewOf } from '../bytes.ts';

/**
 * Zeroes what a JPEG in memory says of itself beside its pixels, in place: a thumbnail needs none of it. What stands
 * behind its end, or cannot be followed, goes; and all of what is no JPEG.
 */
export function cleanThumbnail(bytes: Uint8Array): void {
  bytes.fill(0, cleanSegments(bytes));
}

/** @returns where what can be followed ends. */
function cleanSegments(bytes: Uint8Array): number {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return 0;
  const view = viewOf(bytes);
  let at = 2;
  while (at + 2 <= bytes.byteLength && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) at += 1;
    else if (marker === 0xd9) return at + 2;
    else if (isInScan(marker) || marker === 0x01) at += 2;
    else {
      if (at + 4 > bytes.byteLength) return at;
      const end = at + 2 + view.getUint16(at + 2);
      if (marker < 0xc0 || end < at + 4 || end > bytes.byteLength) return at;
      if (saysMore(bytes, marker, at + 4)) bytes.fill(0, at + 4, end);
      // Further segments may follow a scan.
      at = marker === 0xda ? scanEnd(bytes, end) : end;
    }
  }
  return at;
}

/** Whether a segment is none that a decoder needs. */
function saysMore(bytes: Uint8Array, marker: number, at: number): boolean {
  if (marker === 0xe0) return !startsWith(bytes, 'JFIF\0', at);
  if (marker === 0xe2) return !startsWith(bytes, 'ICC_PROFILE\0', at);
  if (marker === 0xee) return !startsWith(bytes, 'Adobe', at);
  return marker >= 0xe0 || marker === 0xc8;
}

function scanEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const marker = bytes[at + 1];
    if (marker !== undefined && !isInScan(marker)) return at;
  }
  return bytes.byteLength;
}

/** A stuffed byte, or a restart. */
function isInScan(marker: number): boolean {
  return marker === 0 || (marker >= 0xd0 && marker <= 0xd7);
}
