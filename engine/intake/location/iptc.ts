import { latin1, SPACE, startsWith, viewOf } from '../bytes.ts';
import { cleanThumbnail } from './thumbnail.ts';
import { tellsPlace } from './words.ts';
import { cleanXmp } from './xmp.ts';

/** Datasets of record 2 that tell a place (IPTC-IIM 4.2): content location, city, sublocation, state, country. */
const PLACES: ReadonlySet<number> = new Set([26, 27, 90, 92, 95, 100, 101]);

/** Blanks the places of IPTC-IIM datasets, in place. What cannot be followed is zeroed. */
export function cleanIim(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  let at = 0;
  while (at + 5 <= bytes.byteLength && bytes[at] === 0x1c) {
    const size = view.getUint16(at + 3);
    const end = at + 5 + size;
    if (size >= 0x8000 || end > bytes.byteLength) break;
    const value = bytes.subarray(at + 5, end);
    const dataset = bytes[at + 2] ?? 0;
    const isPlace = PLACES.has(dataset) || tellsPlace(latin1(value));
    if (bytes[at + 1] === 2 && isPlace) value.fill(SPACE);
    at = end;
  }
  bytes.fill(0, at);
}

const RESOURCE = {
  iptc: 0x0404,
  oldThumbnail: 0x0409,
  thumbnail: 0x040c,
  exif: 0x0422,
  exif3: 0x0423,
  xmp: 0x0424,
};
/** Before the JPEG of a thumbnail resource. */
const THUMBNAIL_HEADER_BYTES = 28;

/** Cleans Photoshop's image resources, in place. What cannot be followed, or goes on in another segment, is zeroed. */
export function cleanPhotoshop(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  let at = 0;
  while (at + 12 <= bytes.byteLength && startsWith(bytes, '8BIM', at)) {
    const nameBytes = (1 + (bytes[at + 6] ?? 0) + 1) & ~1;
    const start = at + 6 + nameBytes + 4;
    if (start > bytes.byteLength) break;
    const size = view.getUint32(start - 4);
    if (start + size > bytes.byteLength) break;
    cleanResource(view.getUint16(at + 4), bytes.subarray(start, start + size));
    at = start + size + (size % 2);
  }
  bytes.fill(0, Math.min(at, bytes.byteLength));
}

function cleanResource(id: number, data: Uint8Array): void {
  if (id === RESOURCE.iptc) cleanIim(data);
  else if (id === RESOURCE.xmp) cleanXmp(data);
  else if (id === RESOURCE.thumbnail || id === RESOURCE.oldThumbnail) {
    cleanThumbnail(data.subarray(THUMBNAIL_HEADER_BYTES));
  } else if (id === RESOURCE.exif || id === RESOURCE.exif3) {
    data.fill(0); // A second copy: the picture's own EXIF has its orientation.
  }
}
