import { crc32, joined, text, uint } from './bytes.ts';
import { type ExifOptions, photoshop, tiff, xmp } from './metadata.ts';

/** What a sample picture carries beside its pixels. */
export interface PictureOptions {
  readonly width?: number;
  readonly height?: number;
  /** Stands where compressed pixels stand: makes files differ. */
  readonly body?: Uint8Array | string;
  readonly exif?: ExifOptions;
  readonly xmp?: { readonly gps?: boolean };
  /** A colour profile of these bytes. */
  readonly icc?: string;
}

export interface JpegOptions extends PictureOptions {
  /** IPTC in Photoshop's resources, with the planted city. */
  readonly iptc?: boolean;
  /** Segments of your own, as `[marker, data]`, before the frame. */
  readonly segments?: readonly (readonly [marker: number, data: Uint8Array | string])[];
  /** Behind the end of the picture. */
  readonly trailer?: Uint8Array | string;
  /** Pads the pixels so that the file has exactly this size, where it is large enough. */
  readonly sizeBytes?: number;
}

const EMPTY = new Uint8Array(0);

/** A grey baseline JPEG that decoders take. */
export function sampleJpeg(options: JpegOptions = {}): Uint8Array {
  const { width = 8, height = 8, body = '' } = options;
  const metadata = joined(
    options.exif === undefined ? EMPTY : segment(0xe1, joined('Exif\0\0', tiff(options.exif))),
    options.xmp === undefined
      ? EMPTY
      : segment(0xe1, joined('http://ns.adobe.com/xap/1.0/\0', xmp(options.xmp))),
    options.iptc === true ? segment(0xed, photoshop()) : EMPTY,
    options.icc === undefined ? EMPTY : segment(0xe2, joined('ICC_PROFILE\0\x01\x01', options.icc)),
    ...(options.segments ?? []).map(([marker, data]) => segment(marker, data)),
  );
  const before = joined(
    Uint8Array.of(0xff, 0xd8),
    segment(0xe0, 'JFIF\0\x01\x01\0\0\x01\0\x01\0\0'),
    metadata,
    segment(0xdb, joined('\0', new Uint8Array(64).fill(1))),
    segment(0xc0, joined('\x08', uint(height, 2), uint(width, 2), '\x01\x01\x11\0')),
    segment(0xc4, joined('\0', '\x01', new Uint8Array(15), '\0')),
    segment(0xc4, joined('\x10', '\x01', new Uint8Array(15), '\0')),
    segment(0xda, '\x01\x01\0\0\x3f\0'),
  );
  const pixels = stuffed(typeof body === 'string' ? text(body) : body);
  const after = joined(Uint8Array.of(0xff, 0xd9), options.trailer ?? EMPTY);
  const size = before.byteLength + pixels.byteLength + after.byteLength;
  const padding = new Uint8Array(Math.max(0, (options.sizeBytes ?? 0) - size)).fill(0x2a);
  return joined(before, pixels, padding, after);
}

/** A byte 0xff is followed by a zero in compressed data. */
function stuffed(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(0xff)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === 0xff ? [0xff, 0] : [byte])));
}

function segment(marker: number, data: Uint8Array | string): Uint8Array {
  const bytes = typeof data === 'string' ? text(data) : data;
  return joined(Uint8Array.of(0xff, marker), uint(bytes.byteLength + 2, 2), bytes);
}

export interface PngOptions extends PictureOptions {
  /** Chunks of your own, as `[type, data]`, before the pixels. */
  readonly chunks?: readonly (readonly [type: string, data: Uint8Array | string])[];
}

/** A grey PNG. `body` stands in a private place of its pixels. */
export function samplePng(options: PngOptions = {}): Uint8Array {
  const { width = 1, height = 1, body = 'x' } = options;
  return joined(
    '\x89PNG\r\n\x1a\n',
    chunk('IHDR', joined(uint(width, 4), uint(height, 4), '\x08\0\0\0\0')),
    options.icc === undefined ? EMPTY : chunk('iCCP', joined('icc\0\0', options.icc)),
    options.exif === undefined ? EMPTY : chunk('eXIf', tiff(options.exif)),
    options.xmp === undefined
      ? EMPTY
      : chunk('iTXt', joined('XML:com.adobe.xmp\0\0\0\0\0', xmp(options.xmp))),
    ...(options.chunks ?? []).map(([type, data]) => chunk(type, data)),
    chunk('IDAT', stored(typeof body === 'string' ? text(body) : body)),
    chunk('IEND', EMPTY),
  );
}

function chunk(type: string, data: Uint8Array | string): Uint8Array {
  const bytes = joined(type, data);
  return joined(uint(bytes.byteLength - 4, 4), bytes, uint(crc32(bytes), 4));
}

/** A zlib stream that is not compressed (RFC 1950, 1951). */
function stored(bytes: Uint8Array): Uint8Array {
  const row = joined('\0', bytes).subarray(0, 0xff_ff);
  let [a, b] = [1, 0];
  for (const byte of row) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  const size = row.byteLength;
  return joined(
    '\x78\x01\x01',
    uint(size, 2, true),
    uint(0xff_ff - size, 2, true),
    row,
    uint(b, 2),
    uint(a, 2),
  );
}

export interface GifOptions extends Pick<PictureOptions, 'width' | 'height' | 'body' | 'xmp'> {
  readonly comment?: string;
}

/** A GIF with one frame, which loops. */
export function sampleGif(options: GifOptions = {}): Uint8Array {
  const { width = 1, height = 1, body = '\x44\x01' } = options;
  const screen = joined(uint(width, 2, true), uint(height, 2, true));
  // XMP in GIF: the packet as it is, and a "magic trailer" that leads every reader of sub-blocks to its end.
  const magic = joined(
    '\x01',
    Uint8Array.from({ length: 256 }, (_, at) => 0xff - at),
    '\0',
  );
  return joined(
    'GIF89a',
    screen,
    '\x80\0\0',
    '\0\0\0\xff\xff\xff',
    joined('!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0'),
    options.xmp === undefined ? EMPTY : joined('!\xff\x0bXMP DataXMP', xmp(options.xmp), magic),
    options.comment === undefined ? EMPTY : joined('!\xfe', subBlocks(text(options.comment))),
    ',\0\0\0\0',
    screen,
    '\0\x02',
    subBlocks(typeof body === 'string' ? text(body) : body),
    ';',
  );
}

function subBlocks(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += 255) {
    const block = bytes.subarray(at, at + 255);
    blocks.push(uint(block.byteLength, 1), block);
  }
  return joined(...blocks, '\0');
}

/** A lossless WebP in the extended format. */
export function sampleWebp(options: PictureOptions = {}): Uint8Array {
  const { width = 1, height = 1, body = 'x' } = options;
  const flags =
    (options.icc === undefined ? 0 : 0x20) |
    (options.exif === undefined ? 0 : 0x08) |
    (options.xmp === undefined ? 0 : 0x04);
  const bits = ((width - 1) & 0x3fff) | (((height - 1) & 0x3fff) << 14);
  const chunks = joined(
    riff('VP8X', joined(uint(flags, 4, true), uint(width - 1, 3, true), uint(height - 1, 3, true))),
    options.icc === undefined ? EMPTY : riff('ICCP', text(options.icc)),
    riff('VP8L', joined('\x2f', uint(bits >>> 0, 4, true), body, '\0\0\0\0\0')),
    options.exif === undefined ? EMPTY : riff('EXIF', tiff(options.exif)),
    options.xmp === undefined ? EMPTY : riff('XMP ', xmp(options.xmp)),
  );
  return joined('RIFF', uint(chunks.byteLength + 4, 4, true), 'WEBP', chunks);
}

function riff(type: string, data: Uint8Array): Uint8Array {
  return joined(type, uint(data.byteLength, 4, true), data, new Uint8Array(data.byteLength % 2));
}

/** A PDF of one empty page. */
export function samplePdf(body = ''): Uint8Array {
  return text(
    `%PDF-1.4\n%${body.replaceAll(/[\r\n]/g, ' ')}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n` +
      '2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n' +
      'trailer<</Root 1 0 R>>\n%%EOF\n',
  );
}
