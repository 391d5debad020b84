import { describe, expect, it } from 'vitest';
import { tellsPlace } from '../../engine/intake/location/words.ts';
import { cleanXmp } from '../../engine/intake/location/xmp.ts';
import {
  joined,
  PLANTED,
  plantedNeedles,
  sampleGif,
  sampleHeif,
  sampleJpeg,
  samplePng,
  sampleWebp,
  text,
  uint,
} from '../../testing/sample-files/index.ts';
import { tiff } from '../../testing/sample-files/metadata.ts';
import { holds, intake } from '../support/intake-world.ts';

const GPS = tiff({ gps: true });
const EXIF = joined('Exif\0\0', GPS);
const SPOKEN = Buffer.from(`${PLANTED.latitude}° N, ${PLANTED.longitude}° E`);
const XMP = 'http://ns.adobe.com/xap/1.0/\0';

const segment = (marker: number, data: Uint8Array | string): Uint8Array =>
  joined(Uint8Array.of(0xff, marker), uint(joined(data).byteLength + 2, 2), data);
const changed = (bytes: Uint8Array, change: (buffer: Buffer) => void): Uint8Array => {
  const buffer = Buffer.from(bytes);
  change(buffer);
  return buffer;
};

/** A thumbnail that hides its EXIF behind its pixels. */
const LATE = joined(
  '\xff\xd8',
  segment(0xda, '\x01\x01\0\0\x3f\0'),
  'xx',
  segment(0xe1, EXIF),
  '\xff\xd9',
);

/** EXIF in which another entry, or two pointers, keep what the GPS directory says. */
const overlapping = (tag: number): Uint8Array =>
  changed(GPS, (bytes) => {
    const directory = bytes.readUInt32BE(4);
    // The first entry, the camera's name, is given another meaning: all of the structure.
    const at = directory + 2;
    bytes.writeUInt16BE(tag, at);
    bytes.writeUInt16BE(7, at + 2);
    bytes.writeUInt32BE(bytes.byteLength, at + 4);
    bytes.writeUInt32BE(0, at + 8);
  });

const riff = (bytes: Uint8Array): Uint8Array =>
  changed(bytes, (buffer) => buffer.writeUInt32LE(buffer.byteLength - 8, 4));
const frameOf = (data: Uint8Array): Uint8Array =>
  joined('ANMF', uint(16 + data.byteLength, 4, true), new Uint8Array(16), data);
const chunkOf = (type: string, data: Uint8Array): Uint8Array =>
  joined(type, uint(data.byteLength, 4, true), data, new Uint8Array(data.byteLength % 2));

const itemNamed = (type: string): Uint8Array =>
  changed(sampleHeif({ exif: { gps: true } }), (bytes) =>
    bytes.write(type, bytes.indexOf('Exif', bytes.indexOf('infe')), 'latin1'),
  );

const FILES: readonly (readonly [string, Uint8Array])[] = [
  [
    'a thumbnail of JFIF',
    sampleJpeg({
      segments: [[0xe0, joined('JFXX\0\x10', sampleJpeg({ exif: { gps: true } }))]],
    }),
  ],
  [
    'behind the header of JFIF',
    sampleJpeg({ segments: [[0xe0, joined('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', EXIF)]] }),
  ],
  ['an index of pictures', sampleJpeg({ segments: [[0xe2, joined('MPF\0', GPS)]] })],
  ['no index of pictures', sampleJpeg({ segments: [[0xe2, joined('MPF\0', EXIF)]] })],
  ...[0xc8, 0xf0, 0xf7, 0xfd].map(
    (marker) =>
      [`the reserved segment ${marker}`, sampleJpeg({ segments: [[marker, EXIF]] })] as const,
  ),
  ['a thumbnail, behind its scan', sampleJpeg({ exif: { thumbnail: LATE } })],
  ['a thumbnail, behind its end', sampleJpeg({ exif: { thumbnail: joined(sampleJpeg(), EXIF) } })],
  ['a thumbnail that is none', sampleJpeg({ exif: { thumbnail: EXIF } })],
  [
    'a kept value that lies over all',
    sampleJpeg({ segments: [[0xe1, joined('Exif\0\0', overlapping(0xc4a5))]] }),
  ],
  ['a comment in UTF-8', sampleJpeg({ segments: [[0xfe, SPOKEN]] })],
  ['a comment of EXIF in UTF-8', sampleJpeg({ exif: { comment: SPOKEN.toString('latin1') } })],
  [
    'a description of XMP',
    sampleJpeg({
      segments: [[0xe1, joined(XMP, '<x><dc:description>', SPOKEN, '</dc:description></x>')]],
    }),
  ],
  ['a text of PNG in UTF-8', samplePng({ chunks: [['tEXt', joined('Comment\0', SPOKEN)]] })],
  [
    'an international text of PNG',
    samplePng({ chunks: [['iTXt', joined('Comment\0\0\0\0\0', SPOKEN)]] }),
  ],
  ['a comment of GIF in UTF-8', sampleGif({ comment: SPOKEN.toString('latin1') })],
  ['EXIF in a frame of WebP', riff(joined(sampleWebp(), frameOf(chunkOf('EXIF', GPS))))],
  [
    'anything in a frame of WebP',
    riff(joined(sampleWebp(), frameOf(joined('abc', GPS).subarray(0, 7)))),
  ],
  ['an item of HEIC of no known type', itemNamed('exif')],
  ['an item of HEIC of a made-up type', itemNamed('abcd')],
  ['free space of HEIC', sampleHeif({ boxes: [['free', EXIF]] })],
  ['skipped space of HEIC', sampleHeif({ boxes: [['skip', EXIF]] })],
  [
    'free space of a film in HEIC',
    sampleHeif({ boxes: [['moov', joined(uint(8 + EXIF.byteLength, 4), 'free', EXIF)]] }),
  ],
];

describe('a location that is smuggled (contract 10.5)', () => {
  it.each(FILES)('is in no byte of what is stored: %s', async (_, bytes) => {
    const { bytes: kept } = await intake(bytes);
    expect(plantedNeedles().filter((needle) => holds(kept, needle))).toEqual([]);
  });

  it('through a data reference of HEIC is refused, unless the field keeps what is stuck', async () => {
    const bytes = changed(sampleHeif({ exif: { gps: true } }), (buffer) => {
      // Item 2 is the second: each has id, method, data reference, count, and one extent of 8 bytes.
      buffer.writeUInt16BE(1, buffer.indexOf('iloc') + 4 + 4 + 4 + 16 + 4);
    });
    await expect(intake(bytes)).rejects.toMatchObject({ code: 'location_not_removable' });
    await expect(intake(bytes, { location: 'removeOrKeep' })).resolves.toMatchObject({
      contentType: 'image/heic',
    });
  });

  it('by a GPS directory that is another one too is refused', async () => {
    const bytes = changed(GPS, (buffer) => {
      const directory = buffer.readUInt32BE(4);
      const rows = Array.from(
        { length: buffer.readUInt16BE(directory) },
        (_, row) => directory + 2 + row * 12,
      );
      const rowOf = (tag: number) => rows.find((at) => buffer.readUInt16BE(at) === tag) ?? 0;
      buffer.writeUInt32BE(buffer.readUInt32BE(rowOf(0x8825) + 8), rowOf(0x8769) + 8);
    });
    await expect(
      intake(sampleJpeg({ segments: [[0xe1, joined('Exif\0\0', bytes)]] })),
    ).rejects.toMatchObject({ code: 'location_not_removable' });
  });

  it.each(['image/tiff', 'image/jpeg'])(
    'as a TIFF that comes as another kind is refused: %s',
    async (contentType) => {
      const file = { kind: 'file', contentType } as const;
      await expect(intake(GPS, {}, file)).rejects.toMatchObject({
        code: 'location_not_removable',
        details: { why: 'nobody here can look into image/tiff' },
      });
      const { bytes } = await intake(GPS, { location: 'removeOrKeep' }, file);
      expect(Buffer.from(bytes).equals(Buffer.from(GPS))).toBe(true);
      const { contentType: icon } = await intake(joined('BM', new Uint8Array(60)), {}, file);
      expect(icon).toBe('image/bmp');
    },
  );
});

describe('what looks like smuggling, and is none', () => {
  it('stays: the index of further pictures, and the thumbnail of EXIF', async () => {
    const row = (tag: number, type: number, count: number, value: number) =>
      joined(uint(tag, 2, true), uint(type, 2, true), uint(count, 4, true), uint(value, 4, true));
    const index = joined(
      'II*\0',
      uint(8, 4, true),
      uint(3, 2, true),
      row(0xb000, 7, 4, 0x30_30_31_30),
      row(0xb001, 4, 1, 2),
      row(0xb002, 7, 32, 50),
      uint(0, 4),
      'two entries of sixteen bytes each',
    );
    const bytes = sampleJpeg({
      exif: { thumbnail: sampleJpeg({ body: 'small' }) },
      segments: [[0xe2, joined('MPF\0', index.subarray(0, 82))]],
    });
    const { bytes: kept } = await intake(bytes);
    expect(Buffer.from(kept).equals(Buffer.from(bytes))).toBe(true);
  });
});

describe('words that tell a place', () => {
  it.each([
    `47°22'37.0"N 8°32'30.0"E`,
    '47° 22′ 37″ N',
    '47.37690° N, 8.54170° E',
    'N47.37690 E8.54170',
    '47.37690N 8.54170E',
    '47.37690, 8.54170',
    '−33.86880 / 151.20930',
    '(47.3769,8.5417)',
    'https://example.com/@47.3769000,8.5417000,17z',
    '?q=47.3769%2C8.5417',
    'geo:47.37,8.54',
    'lat: 47.37 lon: 8.54',
    '47.37690\n   8.54170',
    'E 8.5°',
  ])('are found as characters, in UTF-8 and in Latin-1: %s', (words) => {
    expect(tellsPlace(words)).toBe(true);
    expect(tellsPlace(Buffer.from(words, 'utf8').toString('latin1'))).toBe(true);
    // Latin-1 has a degree sign, and no primes or minus.
    const narrow = words.replaceAll('′', "'").replaceAll('″', '"').replaceAll('−', '-');
    expect(tellsPlace(Buffer.from(narrow, 'latin1').toString('latin1'))).toBe(true);
  });

  it.each([
    'A receipt of 12.50 and 3.75',
    'version 1.23456',
    'f/2.8000 at 1/125',
    'It was 20°C',
    'turned by 90°',
    '10.0.0.1',
    'measured 12.3456 on the first day and 7.8912 on the last',
  ])('are not seen in others: %s', (words) => {
    expect(tellsPlace(words)).toBe(false);
  });

  it.each([
    '<dc:description>48.8583701, 2.2944813</dc:description>',
    '<dc:description>48.8583701&#176; N, 2.2944813&#xb0; E</dc:description>',
    '<dc:description>&#52;8.8583701, 2.2944813</dc:description>',
    '<dc:description><![CDATA[48.8583701, 2.2944813]]></dc:description>',
    '<r dc:description="48.8583701, 2.2944813"/>',
    '<?note 48.8583701, 2.2944813?>',
  ])('are found in XMP, and only they go: %s', (packet) => {
    const bytes = text(`<x><dc:title>A receipt</dc:title>${packet}</x>`);
    cleanXmp(bytes);
    const kept = Buffer.from(bytes).toString('latin1');
    expect(kept).not.toContain('2.2944813');
    expect(kept).toContain('<dc:title>A receipt</dc:title>');
  });
});

describe('a WebP whose last chunk is odd', () => {
  it.each(['as it says', 'as it should say'])('is taken without its padding, %s', async (how) => {
    const odd = joined(sampleWebp(), 'XXXX', uint(1, 4, true), 'a');
    const bytes = changed(odd, (buffer) =>
      buffer.writeUInt32LE(buffer.byteLength - 8 + (how === 'as it says' ? 0 : 1), 4),
    );
    const { bytes: kept } = await intake(bytes);
    expect(kept.byteLength).toBe(bytes.byteLength);
  });
});
