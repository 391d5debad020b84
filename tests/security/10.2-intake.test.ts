import { fc } from '@fast-check/vitest';
import type { AttachmentKind } from 'lading';
import { LadingError } from 'lading';
import { describe, expect, it } from 'vitest';
import type { FieldSpec } from '../../engine/lifecycle/fields.ts';
import {
  joined,
  sampleGif,
  sampleHeif,
  sampleJpeg,
  samplePdf,
  samplePng,
  sampleWebp,
  text,
  uint,
} from '../../testing/sample-files/index.ts';
import { type IntakeOptions, intake } from '../support/intake-world.ts';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
const HTML = '<html><body><script>alert(1)</script></body></html>';
const utf16 = (value: string, mark = '\ufeff') => Buffer.from(`${mark}${value}`, 'utf16le');

/** The code of a refusal, or the type that would be stored. */
async function typeOf(
  bytes: Uint8Array | string,
  spec: Partial<FieldSpec> = {},
  options: IntakeOptions = {},
): Promise<string> {
  try {
    const source = typeof bytes === 'string' ? text(bytes) : bytes;
    return (await intake(source, spec, options)).contentType;
  } catch (error) {
    if (error instanceof LadingError) return error.code;
    throw error;
  }
}

describe('SVG and HTML (contract 10.2)', () => {
  const disguises: readonly (readonly [string, Uint8Array | string])[] = [
    ['SVG', SVG],
    ['SVG behind a declaration', `<?xml version="1.0"?>\n${SVG}`],
    ['SVG behind a document type', `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">${SVG}`],
    ['SVG behind one with entities', `<!DOCTYPE svg [<!ENTITY a ">">]>${SVG}`],
    ['SVG behind comments and space', ` \n\t<!-- a > b --><!-- c -->\r\n${SVG}`],
    ['SVG behind a byte order mark', joined('\xef\xbb\xbf', SVG)],
    ['SVG behind a long comment', `<!--${'x'.repeat(9_000)}-->${SVG}`],
    ['SVG behind a comment longer than what is looked at', `<!--${'x'.repeat(90_000)}-->${SVG}`],
    ['SVG behind many comments', `${'<!-- x -->'.repeat(9_000)}${SVG}`],
    ['SVG behind a long instruction', `<?xml version="1.0"?><?a ${'x'.repeat(90_000)}?>${SVG}`],
    ['SVG behind a long document type', `<!DOCTYPE a [${' '.repeat(90_000)}]>${SVG}`],
    ['nothing but a comment', '<!-- x -->'],
    ['SVG in UTF-16', utf16(SVG)],
    ['SVG in UTF-16 without a mark', utf16(SVG, '')],
    ['SVG in big-endian UTF-16', utf16(SVG).swap16()],
    ['SVG with a prefix', '<x:svg xmlns:x="http://www.w3.org/2000/svg"/>'],
    ['SVG within XML', '<a><svg xmlns="http://www.w3.org/2000/svg"/></a>'],
    ['HTML', HTML],
    ['HTML in capitals', HTML.toUpperCase()],
    ['HTML behind a document type', `<!doctype html><p>x`],
    ['HTML that begins in the middle', '<script>alert(1)</script>'],
    ['HTML behind a comment', `<!-- x -->${HTML}`],
    ['XHTML', '<?xml version="1.0"?><r><b xmlns="http://www.w3.org/1999/xhtml"/></r>'],
  ];

  it.each(disguises)('are refused by every kind, whatever they claim: %s', async (_, bytes) => {
    const refused = new Set<string>();
    for (const kind of ['image', 'pdf', 'file', 'video', 'audio'] as const) {
      for (const contentType of ['image/jpeg', 'image/svg+xml', 'text/plain', 'text/html']) {
        refused.add(await typeOf(bytes, {}, { kind, contentType, filename: 'photo.jpg' }));
      }
    }
    expect([...refused]).toEqual(['wrong_content_type']);
  });

  it.each([
    ['XML with a root of its own', '<?xml version="1.0"?><!-- x --><orders/>', 'application/xml'],
    ['XML behind a comment of 9 kB', `<!--${'x'.repeat(9_000)}--><orders/>`, 'application/xml'],
    ['a heart', '<3 of all kinds', 'text/plain'],
  ])('are not seen in %s', async (_, words, contentType) => {
    const options = { kind: 'file', contentType } as const;
    expect(await typeOf(words, {}, options)).toBe(contentType);
  });

  it('are taken where a field names them, and a range never does', async () => {
    const spec = { contentTypes: ['image/svg+xml'], location: 'keep' } as const;
    expect(await typeOf(SVG, spec)).toBe('image/svg+xml');
    expect(await typeOf(SVG, { contentTypes: ['image/*'], location: 'keep' })).toBe(
      'wrong_content_type',
    );
    expect(await typeOf(HTML, { contentTypes: ['text/html'] }, { kind: 'file' })).toBe('text/html');
  });

  it('name what the field takes in the sentence', async () => {
    await expect(intake(text(HTML))).rejects.toMatchObject({
      message:
        'Invalid image file. Please upload a valid image (JPEG, PNG, GIF, WebP, HEIC/HEIF, AVIF) under 10MB.',
      details: { field: 'item.images', kind: 'image', found: 'text/html' },
    });
    await expect(intake(text(HTML), {}, { kind: 'pdf' })).rejects.toMatchObject({
      message: 'Invalid file. Please upload PDF under 10MB.',
    });
  });
});

describe('programs', () => {
  it.each([
    ['a Windows program', joined('MZ', new Uint8Array(100)), undefined],
    ['a Linux program', joined('\x7fELF\x02\x01\x01', new Uint8Array(100)), undefined],
    ['a script', '#!/bin/sh\nrm -rf /', undefined],
    ['a batch file by its name', 'del *.*', 'x.bat'],
    ['JavaScript by its name', 'alert(1)', 'x.JS'],
    ['a page by its name', 'no tag here', 'x.html'],
  ] as const)('are not files that a field takes: %s', async (_, bytes, filename) => {
    const options = { kind: 'file', ...(filename === undefined ? {} : { filename }) } as const;
    expect(await typeOf(bytes, {}, options)).toBe('wrong_content_type');
  });
});

describe('the type of a file is what its bytes say (contract 3.1, field case 60)', () => {
  const files: readonly (readonly [AttachmentKind, Uint8Array, string])[] = [
    ['image', sampleJpeg(), 'image/jpeg'],
    ['image', samplePng(), 'image/png'],
    ['image', sampleGif(), 'image/gif'],
    ['image', sampleWebp(), 'image/webp'],
    ['image', sampleHeif(), 'image/heic'],
    ['image', sampleHeif({ brand: 'mif1' }), 'image/heif'],
    ['image', sampleHeif({ brand: 'avif' }), 'image/avif'],
    ['pdf', samplePdf(), 'application/pdf'],
    ['pdf', joined('\n\n', samplePdf()), 'application/pdf'],
    ['audio', joined('\0\0\0\x18ftypmp42', new Uint8Array(40)), 'audio/mp4'],
    ['video', joined('\0\0\0\x18ftypmp42', new Uint8Array(40)), 'video/mp4'],
  ];

  it.each(files)('%s: what the giver claims is no matter', async (kind, bytes, type) => {
    for (const contentType of ['application/octet-stream', 'image/jpeg', 'text/html']) {
      for (const filename of ['x.exe', 'x.heic', 'x']) {
        expect(await typeOf(bytes, {}, { kind, contentType, filename })).toBe(type);
      }
    }
  });

  it('and it has to be of the kind', async () => {
    expect(await typeOf(samplePdf())).toBe('wrong_content_type');
    expect(await typeOf(sampleJpeg(), {}, { kind: 'pdf' })).toBe('wrong_content_type');
    expect(await typeOf(sampleJpeg(), {}, { kind: 'video' })).toBe('wrong_content_type');
    expect(await typeOf(sampleJpeg(), { contentTypes: ['image/png'] })).toBe('wrong_content_type');
    expect(await typeOf(sampleJpeg(), {}, { kind: 'file' })).toBe('image/jpeg');
    expect(await typeOf('BM')).toBe('wrong_content_type');
    expect(await typeOf('')).toBe('source_empty');
  });

  it.each([
    ['a claim that text can have', 'a,b\n1,2', 'text/csv', null, 'text/csv'],
    ['a name that tells', 'a,b\n1,2', 'application/octet-stream', 'list.csv', 'text/csv'],
    ['nothing that tells', 'hello', 'application/octet-stream', null, 'text/plain'],
    ['a claim that has a mark', 'hello', 'image/jpeg', null, 'text/plain'],
    ['binary, an unknown claim', '\0\x01\x02', 'application/acad', null, 'application/acad'],
    ['binary, a known claim', '\0\x01\x02', 'application/zip', null, 'application/octet-stream'],
  ] as const)('except where bytes have no mark: %s', async (_, bytes, contentType, name, type) => {
    const filename = name === null ? {} : { filename: name };
    expect(await typeOf(bytes, {}, { kind: 'file', contentType, ...filename })).toBe(type);
  });
});

describe('a source that gives something else the second time (field case 13)', () => {
  it.each([
    [
      'a picture, one byte changed',
      sampleJpeg({ body: 'one' }),
      sampleJpeg({ body: 'two' }),
      'image',
    ],
    ['a picture that grew', sampleJpeg(), joined(sampleJpeg(), 'more'), 'image'],
    ['a picture that shrank', sampleJpeg(), sampleJpeg().slice(0, -2), 'image'],
    ['a text that became a page', text('hello, you'), text(HTML), 'file'],
    ['a text that grew', text('hello'), text('hello, you'), 'file'],
    ['a text that shrank', text('hello'), text('hell'), 'file'],
  ] as const)('is noticed: %s', async (_, first, again, kind) => {
    await expect(intake(first, {}, { kind, again })).rejects.toMatchObject({
      code: 'source_changed',
    });
  });
});

describe('dimensions are read before anything is decoded (contract 10.6)', () => {
  const MAKERS = { sampleJpeg, samplePng, sampleGif, sampleWebp, sampleHeif };

  it.each(Object.entries(MAKERS))(
    'and a picture with too many pixels is refused: %s',
    async (name, make) => {
      const code = (width: number, height: number, spec: Partial<FieldSpec> = {}) =>
        typeOf(make({ width, height }), spec);
      const most = { maxPixels: 12_000, maxSidePixels: 200 };
      expect(await code(100, 120, most)).toMatch(/^image\//);
      expect(await code(101, 120, most)).toBe('image_too_large');
      expect(await code(201, 1, most)).toBe('image_too_large');
      expect(await code(1, 201, most)).toBe('image_too_large');
      // Within what the format can say at all.
      const side = name === 'sampleWebp' ? 16_000 : 32_000;
      expect(await code(side, side)).toBe('image_too_large');
    },
  );

  it('in every picture of a file', async () => {
    const huge = sampleJpeg({ width: 60_000, height: 60_000 });
    expect(await typeOf(sampleJpeg({ trailer: huge }))).toBe('image_too_large');
  });

  it('says how large it is', async () => {
    await expect(intake(samplePng({ width: 50_000, height: 50_000 }))).rejects.toMatchObject({
      message: 'Image too large (50000 × 50000 pixels). Please choose a smaller one.',
      details: { width: 50_000, height: 50_000, maxPixels: 100_000_000 },
    });
  });

  it('and a picture that says none is not taken, whatever its location', async () => {
    for (const bytes of [
      samplePng({ width: 0 }),
      sampleJpeg({ height: 0 }),
      sampleHeif().slice(0, 24),
      joined('\x89PNG\r\n\x1a\n', uint(0, 4), 'IDAT', uint(0, 4)),
      joined('\xff\xd8\xff\xe0', uint(16, 2), new Uint8Array(14), '\xff\xd9'),
    ]) {
      for (const location of ['remove', 'keep'] as const) {
        expect(await typeOf(bytes, { location })).toBe('image_unreadable');
      }
    }
  });
});

describe('bytes of a stranger', () => {
  const MADE: readonly Uint8Array[] = [
    sampleJpeg({ exif: { gps: true, thumbnail: sampleJpeg() }, xmp: { gps: true }, iptc: true }),
    samplePng({ exif: { gps: true }, xmp: { gps: true } }),
    sampleGif({ xmp: { gps: true }, comment: 'x' }),
    sampleWebp({ exif: { gps: true }, xmp: { gps: true } }),
    sampleHeif({ exif: { gps: true }, xmp: { gps: true } }),
    sampleHeif({ exif: { gps: true }, metaLast: true, boxes: [['mpvd', 'film']] }),
  ];
  const CODES =
    /^(?:image\/|source_empty|wrong_content_type|image_unreadable|image_too_large|location_not_removable)/;

  it('cut off anywhere, are taken or refused with a code', async () => {
    for (const bytes of MADE) {
      for (let size = 0; size < bytes.byteLength; size += 7) {
        expect(await typeOf(bytes.slice(0, size))).toMatch(CODES);
      }
    }
  });

  it('changed anywhere, are taken or refused with a code, and what is stored is no larger', async () => {
    const change = fc.record({
      file: fc.nat(MADE.length - 1),
      changes: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 8,
      }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ file, changes }) => {
        const bytes = (MADE[file] ?? new Uint8Array(0)).slice();
        for (const [at, value] of changes) bytes[Math.floor(at * bytes.byteLength)] = value;
        for (const location of ['remove', 'removeOrKeep'] as const) {
          try {
            const kept = await intake(bytes, { location });
            expect(kept.bytes.byteLength).toBeLessThanOrEqual(bytes.byteLength);
          } catch (error) {
            if (!(error instanceof LadingError) || !CODES.test(error.code)) throw error;
          }
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });
});
