import { describe, expect, it } from 'vitest';
import {
  type ExifOptions,
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
  xmp,
} from '../../testing/sample-files/index.ts';
import { holds, intake } from '../support/intake-world.ts';

const EVERYTHING: ExifOptions = {
  gps: true,
  makerNote: true,
  comment: `GPS ${PLANTED.latitude}, ${PLANTED.longitude}`,
  thumbnail: sampleJpeg({ exif: { gps: true }, iptc: true }),
};
const PROFILE = 'a colour profile';
const BODY = 'compressed pixels of a picture';

/** Every format, with a place in every corner where it can stand. */
const FILES: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['a JPEG, big-endian EXIF', sampleJpeg({ body: BODY, exif: EVERYTHING, icc: PROFILE })],
  [
    'a JPEG, little-endian EXIF',
    sampleJpeg({ body: BODY, exif: { ...EVERYTHING, little: true }, icc: PROFILE }),
  ],
  [
    'a JPEG, XMP and IPTC',
    sampleJpeg({ body: BODY, xmp: { gps: true }, iptc: true, icc: PROFILE }),
  ],
  [
    'a JPEG with segments of strangers, a comment, a film and a second picture behind it',
    sampleJpeg({
      body: BODY,
      icc: PROFILE,
      segments: [
        [0xe6, `GoPro\0${PLANTED.city}`],
        [0xeb, joined('JP\0\0\0\0\0\0', PLANTED.city)],
        [0xe1, joined('http://ns.adobe.com/xmp/extension/\0', PLANTED.city)],
        [0xfe, `taken at ${PLANTED.latitude}, ${PLANTED.longitude}`],
      ],
      trailer: joined(
        '\0\0\0',
        sampleJpeg({ exif: EVERYTHING }),
        joined(uint(20, 4), 'ftypmp42', PLANTED.city),
      ),
    }),
  ],
  [
    'a PNG',
    samplePng({
      body: BODY,
      exif: EVERYTHING,
      xmp: { gps: true },
      icc: PROFILE,
      chunks: [
        ['tEXt', `Location\0${PLANTED.city}`],
        ['tEXt', `Raw profile type exif\0${PLANTED.city}`],
        ['tEXt', `Comment\0GPS ${PLANTED.latitude}`],
        ['zTXt', `Comment\0\0${PLANTED.city}`],
        ['iTXt', `XML:com.adobe.xmp\0\x01\0\0\0${PLANTED.city}`],
        ['prVt', PLANTED.city],
      ],
    }),
  ],
  ['a GIF', sampleGif({ body: BODY, xmp: { gps: true }, comment: `GPS ${PLANTED.latitude}` })],
  ['a WebP', sampleWebp({ body: BODY, exif: EVERYTHING, xmp: { gps: true }, icc: PROFILE })],
  ['a HEIC', sampleHeif({ body: BODY, exif: EVERYTHING, xmp: { gps: true }, icc: PROFILE })],
  [
    'a HEIC whose description comes last',
    sampleHeif({ body: BODY, exif: EVERYTHING, xmp: { gps: true }, metaLast: true, icc: PROFILE }),
  ],
  [
    'a HEIC with its EXIF in its description',
    sampleHeif({ body: BODY, exif: EVERYTHING, xmp: { gps: true }, inMeta: true, icc: PROFILE }),
  ],
  [
    'a HEIF with its EXIF in three pieces and a film behind it',
    sampleHeif({
      brand: 'mif1',
      body: BODY,
      exif: EVERYTHING,
      extents: 3,
      icc: PROFILE,
      boxes: [['mpvd', PLANTED.city]],
    }),
  ],
  ['an AVIF', sampleHeif({ brand: 'avif', body: BODY, exif: EVERYTHING, icc: PROFILE })],
];

describe('the location of a picture (contract 10.5, field case 61)', () => {
  it.each(FILES)('is in no byte of what is stored of %s', async (_, bytes) => {
    expect(plantedNeedles().some((needle) => holds(bytes, needle))).toBe(true);
    const { bytes: kept } = await intake(bytes);
    expect(plantedNeedles().filter((needle) => holds(kept, needle))).toEqual([]);
  });

  it.each(FILES)('goes without a change of pixels and colour profile: %s', async (_, bytes) => {
    const { bytes: kept } = await intake(bytes);
    expect(holds(kept, text(BODY))).toBe(true);
    expect(holds(bytes, text(PROFILE))).toBe(holds(kept, text(PROFILE)));
  });

  it.each(FILES)('is not there to be found a second time: %s', async (_, bytes) => {
    const { bytes: once } = await intake(bytes);
    const { bytes: twice } = await intake(once);
    expect(Buffer.from(twice).equals(Buffer.from(once))).toBe(true);
  });

  it.each(FILES)(
    'is removed whatever the pieces are that the source gives: %s',
    async (_, bytes) => {
      const { bytes: whole } = await intake(bytes);
      for (const pieceBytes of [1, 2, 7, 4096]) {
        const { bytes: kept } = await intake(bytes, {}, { pieceBytes });
        expect(Buffer.from(kept).equals(Buffer.from(whole))).toBe(true);
      }
    },
  );

  it('leaves every byte of a JPEG in its place, from the first to the last segment', async () => {
    const bytes = sampleJpeg({ body: BODY, exif: EVERYTHING, xmp: { gps: true }, iptc: true });
    const { bytes: kept } = await intake(bytes);
    expect(kept.byteLength).toBe(bytes.byteLength);
    const scan = Buffer.from(bytes).indexOf(BODY) - 20;
    expect(Buffer.from(kept).subarray(scan).equals(Buffer.from(bytes).subarray(scan))).toBe(true);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'leaves orientation %i, camera and time',
    async (orientation) => {
      for (const little of [true, false]) {
        const exif = { ...EVERYTHING, orientation, little };
        const { bytes } = await intake(sampleJpeg({ exif }));
        expect(orientationOf(bytes)).toBe(orientation);
        expect(holds(bytes, text('Lading\0'))).toBe(true);
        expect(holds(bytes, text('2026:01:02 03:04:05\0'))).toBe(true);
      }
    },
  );

  it('leaves the rest of XMP as it is', async () => {
    const { bytes } = await intake(sampleJpeg({ xmp: { gps: true } }));
    const kept = Buffer.from(bytes).toString('latin1');
    expect(kept).toContain('dc:title="A receipt"');
    expect(kept).toContain('</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>');
  });

  it('leaves a file without one byte for byte', async () => {
    for (const bytes of [
      sampleJpeg({ body: BODY, icc: PROFILE, exif: { orientation: 3 }, xmp: {} }),
      samplePng({ body: BODY, exif: {}, xmp: {}, chunks: [['tEXt', 'Title\0A receipt']] }),
      sampleGif({ body: BODY, comment: 'made by hand' }),
      sampleWebp({ body: BODY, exif: {}, xmp: {} }),
      sampleHeif({ body: BODY, exif: {}, xmp: {} }),
    ]) {
      const { bytes: kept } = await intake(bytes);
      expect(Buffer.from(kept).equals(Buffer.from(bytes))).toBe(true);
    }
  });

  it('stays where the field keeps it', async () => {
    for (const [, bytes] of FILES) {
      const { bytes: kept } = await intake(bytes, { location: 'keep' });
      expect(Buffer.from(kept).equals(Buffer.from(bytes))).toBe(true);
    }
  });
});

/** Pictures whose location nobody can remove without guessing. */
const STUCK: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['EXIF without a header', sampleJpeg({ segments: [[0xe1, 'Exif\0\0nonsense']] }), /no header/],
  [
    'EXIF whose directory lies outside',
    sampleJpeg({ segments: [[0xe1, joined('Exif\0\0MM\0*', uint(9_999, 4))]] }),
    /no directory/,
  ],
  ['PNG EXIF that is none', samplePng({ chunks: [['eXIf', 'nonsense']] }), /no header/],
  ['encrypted EXIF in HEIC', sampleHeif({ exif: { gps: true }, isProtected: true }), /encrypted/],
];

describe('a location that cannot be removed (contract 10.5)', () => {
  it.each(STUCK)('is refused with a sentence: %s', async (_, bytes, why) => {
    await expect(intake(bytes)).rejects.toMatchObject({
      code: 'location_not_removable',
      message: expect.stringMatching(/^The location stored in this photo could not be removed/),
      details: { field: 'item.images', why: expect.stringMatching(why) },
    });
  });

  it.each(STUCK)('is kept where the field says so: %s', async (_, bytes) => {
    const { bytes: kept } = await intake(bytes, { location: 'removeOrKeep' });
    expect(Buffer.from(kept).equals(Buffer.from(bytes))).toBe(true);
  });

  it('is refused in a type of picture that nobody here can look into', async () => {
    const bitmap = joined('BM', new Uint8Array(60));
    const contentTypes = ['image/*'];
    await expect(intake(bitmap, { contentTypes })).rejects.toMatchObject({
      code: 'location_not_removable',
      details: { why: 'nobody here can look into image/bmp' },
    });
    const { contentType } = await intake(bitmap, { contentTypes, location: 'removeOrKeep' });
    expect(contentType).toBe('image/bmp');
  });

  it('does not keep the others from losing theirs', async () => {
    const bytes = sampleJpeg({ exif: { gps: true } });
    const { bytes: kept } = await intake(bytes, { location: 'removeOrKeep' });
    expect(plantedNeedles().some((needle) => holds(kept, needle))).toBe(false);
  });
});

describe('XMP in disguise', () => {
  it.each([
    ['another prefix', `<a:GPSLatitude xmlns:a="x">${PLANTED.latitude}</a:GPSLatitude>`],
    [
      'nested elements of one name',
      `<p:Location><p:Location/>${PLANTED.city}<p:Location>x</p:Location>${PLANTED.city}</p:Location>`,
    ],
    ['a greater-than sign in an attribute', `<r a=">" exif:GPSLatitude="${PLANTED.latitude}"/>`],
    ['a comment', `<!-- ${PLANTED.city} -->`],
    ['an element that never ends', `<p:City>${PLANTED.city}`],
    ['space around the equals sign', `<r exif:GPSLatitude = '${PLANTED.latitude}'/>`],
    ['a line break before the name', `<r\n\texif:GPSLatitude="${PLANTED.latitude}"/>`],
    ['a property that nobody knows', `<r custom:MyGps.Value="${PLANTED.latitude}"/>`],
    ['plain text about GPS', `<r>GPS ${PLANTED.latitude}</r>`],
  ])('is found: %s', async (_, packet) => {
    const { bytes } = await intake(
      sampleJpeg({ segments: [[0xe1, `http://ns.adobe.com/xap/1.0/\0<x>${packet}</x>`]] }),
    );
    expect(plantedNeedles().filter((needle) => holds(bytes, needle))).toEqual([]);
  });

  it('is found in UTF-16', async () => {
    const wide = Buffer.from(Buffer.from(xmp({ gps: true })).toString('latin1'), 'utf16le');
    const { bytes } = await intake(
      sampleJpeg({ segments: [[0xe1, joined('http://ns.adobe.com/xap/1.0/\0', wide)]] }),
    );
    expect(holds(bytes, Buffer.from(PLANTED.city, 'utf16le'))).toBe(false);
  });
});

/** By hand, without the code under test: the orientation entry is 12 bytes that begin with its tag. */
function orientationOf(jpeg: Uint8Array): number | undefined {
  const bytes = Buffer.from(jpeg);
  const exif = bytes.indexOf('Exif\0\0') + 6;
  const little = bytes.toString('latin1', exif, exif + 2) === 'II';
  const tag = Buffer.from(little ? [0x12, 0x01, 3, 0, 1, 0, 0, 0] : [0x01, 0x12, 0, 3, 0, 0, 0, 1]);
  const at = bytes.indexOf(tag, exif) + 8;
  return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}
