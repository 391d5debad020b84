import { joined, text, uint } from './bytes.ts';
import { tiff, xmp } from './metadata.ts';
import type { PictureOptions } from './pictures.ts';

export interface HeifOptions extends PictureOptions {
  /** The main brand. Default `heic`. */
  readonly brand?: 'heic' | 'mif1' | 'avif';
  /** The description behind the pictures, as some writers have it. */
  readonly metaLast?: boolean;
  /** EXIF and XMP in the description itself instead of among the pictures. */
  readonly inMeta?: boolean;
  /** EXIF in so many pieces. Default 1. */
  readonly extents?: number;
  readonly isProtected?: boolean;
  /** Boxes of your own at the end, as `[type, data]`. */
  readonly boxes?: readonly (readonly [type: string, data: Uint8Array | string])[];
}

/** A HEIF file of one picture, with EXIF and XMP as items of their own (ISO/IEC 23008-12). */
export function sampleHeif(options: HeifOptions = {}): Uint8Array {
  const { brand = 'heic', body = 'pixels', metaLast = false, inMeta = false } = options;
  const picture = typeof body === 'string' ? text(body) : body;
  const items = [
    { id: 1, type: brand === 'avif' ? 'av01' : 'hvc1', data: picture, method: 0 },
    ...(options.exif === undefined
      ? []
      : [
          {
            id: 2,
            type: 'Exif',
            data: joined(uint(6, 4), 'Exif\0\0', tiff(options.exif)),
            method: inMeta ? 1 : 0,
          },
        ]),
    ...(options.xmp === undefined
      ? []
      : [{ id: 3, type: 'mime', data: xmp(options.xmp), method: inMeta ? 1 : 0 }]),
  ];
  const type = box('ftyp', joined(brand, uint(0, 4), 'mif1', brand));
  const inFile = joined(...items.filter(({ method }) => method === 0).map(({ data }) => data));
  const media = box('mdat', inFile);

  const meta = (mediaAt: number): Uint8Array => {
    const offsets = new Map<number, number>();
    const next = [mediaAt, 0];
    for (const { id, data, method } of items) {
      offsets.set(id, next[method] ?? 0);
      next[method] = (next[method] ?? 0) + data.byteLength;
    }
    return fullBox(
      'meta',
      0,
      joined(
        fullBox('hdlr', 0, joined(uint(0, 4), 'pict', new Uint8Array(12), '\0')),
        fullBox('pitm', 0, uint(1, 2)),
        fullBox(
          'iinf',
          0,
          joined(
            uint(items.length, 2),
            ...items.map(({ id, type: itemType }) =>
              fullBox(
                'infe',
                2,
                joined(
                  uint(id, 2),
                  uint(options.isProtected === true && id > 1 ? 1 : 0, 2),
                  itemType,
                  '\0',
                  itemType === 'mime' ? 'application/rdf+xml\0' : '',
                ),
              ),
            ),
          ),
        ),
        fullBox(
          'iloc',
          1,
          joined(
            uint(0x44, 1),
            uint(0, 1),
            uint(items.length, 2),
            ...items.map(({ id, data, method }) => {
              const pieces = split(data.byteLength, id === 2 ? (options.extents ?? 1) : 1);
              let at = offsets.get(id) ?? 0;
              return joined(
                uint(id, 2),
                uint(method, 2),
                uint(0, 2),
                uint(pieces.length, 2),
                ...pieces.map((length) => {
                  at += length;
                  return joined(uint(at - length, 4), uint(length, 4));
                }),
              );
            }),
          ),
        ),
        box(
          'iprp',
          joined(
            box(
              'ipco',
              joined(
                fullBox(
                  'ispe',
                  0,
                  joined(uint(options.width ?? 64, 4), uint(options.height ?? 64, 4)),
                ),
                box('irot', '\x01'),
                options.icc === undefined ? '' : box('colr', joined('prof', options.icc)),
              ),
            ),
            fullBox('ipma', 0, joined(uint(1, 4), uint(1, 2), '\x02\x81\x82')),
          ),
        ),
        inMeta ? box('idat', joined(...items.slice(1).map(({ data }) => data))) : '',
      ),
    );
  };

  const end = (options.boxes ?? []).map(([name, data]) => box(name, data));
  const metaBytes = meta(0).byteLength;
  return metaLast
    ? joined(type, media, meta(type.byteLength + 8), ...end)
    : joined(type, meta(type.byteLength + metaBytes + 8), media, ...end);
}

function split(length: number, count: number): readonly number[] {
  const piece = Math.floor(length / count);
  return Array.from({ length: count }, (_, at) =>
    at === count - 1 ? length - piece * (count - 1) : piece,
  );
}

function box(type: string, data: Uint8Array | string): Uint8Array {
  const bytes = joined(data);
  return joined(uint(bytes.byteLength + 8, 4), type, bytes);
}

function fullBox(type: string, version: number, data: Uint8Array): Uint8Array {
  return box(type, joined(uint(version, 1), uint(0, 3), data));
}
