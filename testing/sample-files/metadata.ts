import { joined, text, uint } from './bytes.ts';

/** A place that is easy to find again in bytes, in every way that files write it. */
export const PLANTED = {
  latitude: '48.8583701',
  longitude: '2.2944813',
  city: 'Plantedville',
  /** Numerators that stand in the GPS directory's rationals. */
  seconds: [301_234_567, 401_234_567],
} as const;

/** All that gives the planted place away; none of it may be in a file without its location. */
export function plantedNeedles(): readonly Uint8Array[] {
  const { latitude, longitude, city, seconds } = PLANTED;
  return [
    ...[latitude, longitude, city].map(text),
    ...seconds.flatMap((value) => [uint(value, 4), uint(value, 4, true)]),
  ];
}

export interface ExifOptions {
  /** Byte order `II`; default `MM`. */
  readonly little?: boolean;
  /** 1 to 8. Default 6: the picture lies on its side. */
  readonly orientation?: number;
  readonly gps?: boolean;
  /** Of a layout that nobody tells, with the planted place in it. */
  readonly makerNote?: boolean;
  /** A JPEG; stands in the second directory. */
  readonly thumbnail?: Uint8Array;
  readonly comment?: string;
}

interface Field {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Uint8Array;
}

/** A TIFF structure as it stands in EXIF: camera, time and orientation, and what the options ask for. */
export function tiff(options: ExifOptions = {}): Uint8Array {
  const { little = false, orientation = 6, gps = false, makerNote = false } = options;
  const short = (tag: number, value: number): Field => field(tag, 3, 1, uint(value, 2, little));
  const long = (tag: number, value: number): Field => field(tag, 4, 1, uint(value, 4, little));
  const place = (tag: number, degrees: number, minutes: number, seconds: number): Field =>
    field(
      tag,
      5,
      3,
      joined(
        ...[degrees, 1, minutes, 1, seconds, 10_000_000].map((value) => uint(value, 4, little)),
      ),
    );

  const gpsFields = [
    ascii(1, 'N'),
    place(2, 48, 51, PLANTED.seconds[0]),
    ascii(3, 'E'),
    place(4, 2, 17, PLANTED.seconds[1]),
    undefinedBytes(0x1c, text(`ASCII\0\0\0${PLANTED.city}`)),
  ];
  const exifFields = [
    ascii(0x9003, '2026:01:02 03:04:05'),
    ...(makerNote ? [undefinedBytes(0x927c, text(`Panasonic\0\0\0${PLANTED.city}`))] : []),
    ...(options.comment === undefined
      ? []
      : [undefinedBytes(0x9286, text(`ASCII\0\0\0${options.comment}`))]),
  ];

  // Two rounds: where directories lie is known when their sizes are.
  const layout = (exifAt: number, gpsAt: number, nextAt: number, thumbnailAt: number) => {
    const main = directory(
      [
        ascii(0x010f, 'Lading'),
        short(0x0112, orientation),
        ascii(0x0132, '2026:01:02 03:04:05'),
        long(0x8769, exifAt),
        ...(gps ? [long(0x8825, gpsAt)] : []),
      ],
      8,
      nextAt,
      little,
    );
    const exif = directory(exifFields, exifAt, 0, little);
    const gpsDirectory = gps ? directory(gpsFields, gpsAt, 0, little) : new Uint8Array(0);
    const second =
      options.thumbnail === undefined
        ? new Uint8Array(0)
        : directory(
            [
              short(0x0103, 6),
              long(0x0201, thumbnailAt),
              long(0x0202, options.thumbnail.byteLength),
            ],
            nextAt,
            0,
            little,
          );
    return { main, exif, gpsDirectory, second };
  };
  const sizes = layout(8, 8, 8, 8);
  const exifAt = 8 + sizes.main.byteLength;
  const gpsAt = exifAt + sizes.exif.byteLength;
  const secondAt = gpsAt + sizes.gpsDirectory.byteLength;
  const thumbnailAt = secondAt + sizes.second.byteLength;
  const hasThumbnail = options.thumbnail !== undefined;
  const parts = layout(exifAt, gpsAt, hasThumbnail ? secondAt : 0, thumbnailAt);
  return joined(
    little ? 'II' : 'MM',
    uint(42, 2, little),
    uint(8, 4, little),
    parts.main,
    parts.exif,
    parts.gpsDirectory,
    parts.second,
    options.thumbnail ?? new Uint8Array(0),
  );
}

function ascii(tag: number, value: string): Field {
  return field(tag, 2, value.length + 1, joined(value, '\0'));
}

function undefinedBytes(tag: number, value: Uint8Array): Field {
  return field(tag, 7, value.byteLength, value);
}

function field(tag: number, type: number, count: number, value: Uint8Array): Field {
  return { tag, type, count, value };
}

/** A directory with its values behind it, all of even length. */
function directory(
  fields: readonly Field[],
  at: number,
  next: number,
  little: boolean,
): Uint8Array {
  const entries: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let valueAt = at + 2 + fields.length * 12 + 4;
  for (const { tag, type, count, value } of fields) {
    const padded = joined(value, new Uint8Array(value.byteLength % 2));
    const isHere = value.byteLength <= 4;
    entries.push(
      joined(
        uint(tag, 2, little),
        uint(type, 2, little),
        uint(count, 4, little),
        isHere ? joined(value, new Uint8Array(4 - value.byteLength)) : uint(valueAt, 4, little),
      ),
    );
    if (isHere) continue;
    values.push(padded);
    valueAt += padded.byteLength;
  }
  return joined(uint(fields.length, 2, little), ...entries, uint(next, 4, little), ...values);
}

/** An XMP packet with a title, and on demand the planted place as attributes, elements and structures. */
export function xmp(options: { readonly gps?: boolean } = {}): Uint8Array {
  const { latitude, longitude, city } = PLANTED;
  const attributes = options.gps
    ? ` exif:GPSLatitude="${latitude}N" exif:GPSLongitude='${longitude}E' photoshop:City="${city}"`
    : '';
  const elements = options.gps
    ? `<drone-dji:GpsLatitude>${latitude}</drone-dji:GpsLatitude>` +
      `<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li><Iptc4xmpExt:City>${city}</Iptc4xmpExt:City></rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>`
    : '';
  return text(
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
      `<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="A receipt"${attributes}>${elements}` +
      '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>',
  );
}

/** IPTC-IIM as Photoshop's image resources hold it, with the planted city. */
export function photoshop(): Uint8Array {
  const iim = joined(dataset(5, 'A receipt'), dataset(90, PLANTED.city), dataset(101, 'France'));
  return joined(
    'Photoshop 3.0\0',
    '8BIM',
    uint(0x0404, 2),
    uint(0, 2),
    uint(iim.byteLength, 4),
    iim,
    new Uint8Array(iim.byteLength % 2),
  );
}

function dataset(number: number, value: string): Uint8Array {
  return joined(Uint8Array.of(0x1c, 2, number), uint(value.length, 2), value);
}
