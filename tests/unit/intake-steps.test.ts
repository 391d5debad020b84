import { describe, expect, it } from 'vitest';
import { walkGif } from '../../engine/intake/gif.ts';
import { walkJpeg } from '../../engine/intake/jpeg.ts';
import { cleanTiff } from '../../engine/intake/location/tiff.ts';
import { PLACE_PATTERNS } from '../../engine/intake/location/words.ts';
import { cleanXmp, xmpTokens } from '../../engine/intake/location/xmp.ts';
import { createReader } from '../../engine/intake/reader.ts';
import type { Walk } from '../../engine/intake/walk.ts';
import {
  joined,
  sampleGif,
  sampleJpeg,
  samplePng,
  sampleWebp,
  text,
  uint,
} from '../../testing/sample-files/index.ts';
import { intake } from '../support/intake-world.ts';

const PIECE_BYTES = 64 * 1024;

/** How many pieces a walk gives, and how often it waits for the source: what it costs the event loop. */
async function stepsOf(walk: Walk, bytes: Uint8Array): Promise<number> {
  let steps = 0;
  const source = async function* () {
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
      steps += 1;
      yield bytes.slice(at, at + PIECE_BYTES);
    }
  };
  const reader = createReader(source());
  const counting = new Proxy(reader, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        steps += 1;
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  for await (const _ of walk(counting, { dimensions() {}, stuck() {} })) steps += 1;
  return steps;
}

const repeated = (count: number, bytes: Uint8Array): Uint8Array => {
  const all = new Uint8Array(count * bytes.byteLength);
  for (let at = 0; at < all.byteLength; at += bytes.byteLength) all.set(bytes, at);
  return all;
};
const within = (bytes: Uint8Array, at: number, more: Uint8Array): Uint8Array =>
  joined(bytes.subarray(0, at), more, bytes.subarray(at));
const TOO_MANY = {
  code: 'image_unreadable',
  details: { why: expect.stringMatching(/too many parts/) },
};

describe('a small file costs few steps (contract 10.6)', () => {
  it('as a JPEG of a million fill bytes', async () => {
    const plain = await stepsOf(walkJpeg, sampleJpeg());
    const filled = within(sampleJpeg(), 2, new Uint8Array(1_000_000).fill(0xff));
    expect(await stepsOf(walkJpeg, filled)).toBeLessThan(plain + 200);
    await expect(intake(filled)).resolves.toMatchObject({ contentType: 'image/jpeg' });
  });

  it('as a GIF of a million blocks of one byte', async () => {
    const plain = await stepsOf(walkGif, sampleGif());
    const bytes = sampleGif();
    const comment = joined('\x21\xfe', repeated(500_000, Uint8Array.of(1, 0x20)), '\0');
    const filled = within(bytes, bytes.byteLength - 1, comment);
    expect(await stepsOf(walkGif, filled)).toBeLessThan(plain + 200);
  });

  it.each([
    ['segments of a JPEG', within(sampleJpeg(), 2, repeated(20_001, text('\xff\xfe\0\x02')))],
    ['restarts of a JPEG', within(sampleJpeg(), 2, repeated(20_001, text('\xff\xd0')))],
    [
      'chunks of a PNG',
      within(samplePng(), 33, repeated(20_001, joined(uint(0, 4), 'prVt', uint(0, 4)))),
    ],
    [
      'blocks of a GIF',
      within(sampleGif(), sampleGif().byteLength - 1, repeated(20_001, text('\x21\xfe\0'))),
    ],
    ['chunks of a WebP', riff(joined(sampleWebp(), repeated(20_001, text('XXXX\0\0\0\0'))))],
    [
      'chunks in a frame of a WebP',
      riff(
        joined(
          sampleWebp(),
          'ANMF',
          uint(16 + 20_001 * 8, 4, true),
          new Uint8Array(16),
          repeated(20_001, text('XXXX\0\0\0\0')),
        ),
      ),
    ],
  ])('or is refused: %s', async (_, bytes) => {
    await expect(intake(bytes)).rejects.toMatchObject(TOO_MANY);
  });

  it('and a large one may have as many parts as its size gives reason for', async () => {
    const chunks = repeated(20_000, joined(uint(500, 4), 'prVt', new Uint8Array(504)));
    const { contentType } = await intake(within(samplePng(), 33, chunks), { maxBytes: 20_000_000 });
    expect(contentType).toBe('image/png');
  });
});

/** EXIF whose entries all point to one region, of `fill`. */
function crowded(entries: number, tagOf: (index: number) => number, fill: string): Uint8Array {
  const size = entries * 12;
  const rows = Array.from({ length: entries }, (_, index) =>
    joined(
      uint(tagOf(index), 2, true),
      uint(1, 2, true),
      uint(size, 4, true),
      uint(14 + size, 4, true),
    ),
  );
  return joined(
    'II*\0',
    uint(8, 4, true),
    uint(entries, 2, true),
    ...rows,
    uint(0, 4),
    fill.repeat(Math.ceil(size / fill.length)).slice(0, size),
  );
}

describe('EXIF that points to the same bytes many times (contract 10.6)', () => {
  it('is looked at once for each meaning', () => {
    const bytes = crowded(2_700, () => 0x02bc, '<a b="c">');
    expect(cleanTiff(bytes)).toBe(2_700 * 12);
  });

  it('is refused when the meanings are many', () => {
    const bytes = crowded(2_700, (index) => 0xc000 + index, '<a b="c">');
    expect(() => cleanTiff(bytes)).toThrow(/too often/);
    expect(() => cleanTiff(crowded(2_700, () => 0x8830, 'x'))).not.toThrow();
  });

  it('is refused when what goes overlaps as often', () => {
    expect(() => cleanTiff(crowded(2_700, () => 0x927c, 'x'))).toThrow(/too often/);
  });

  it('is refused when it has more than 4096 entries', () => {
    expect(() => cleanTiff(crowded(4_097, () => 0x02bc, 'x'))).toThrow(/too many entries/);
  });
});

describe('XMP is read in one pass (contract 10.6)', () => {
  it.each([
    ['nested places', `<x>${'<gps>'.repeat(5_000)}</gps>`],
    ['nested places that end', `${'<a:City>'.repeat(5_000)}${'</a:City>'.repeat(5_000)}`],
    ['comments that do not end', '<!--'.repeat(5_000)],
    ['instructions that do not end', '<?a '.repeat(5_000)],
    ['tags that do not end', '<a b="'.repeat(5_001)],
    ['character data', '<![CDATA[x]]>y'.repeat(5_000)],
  ])('every character in one token: %s', (_, packet) => {
    let at = 0;
    for (const { start, end } of xmpTokens(packet)) {
      expect(start).toBe(at);
      expect(end).toBeGreaterThan(start);
      at = end;
    }
    expect(at).toBe(packet.length);
    const bytes = text(packet);
    cleanXmp(bytes);
    expect(/gps|City/.test(Buffer.from(bytes).toString('latin1'))).toBe(false);
  });
});

describe('the search for places in texts', () => {
  it.each(PLACE_PATTERNS.map((pattern) => [pattern] as const))(
    'repeats nothing without a bound, so that no text costs more than its length: %s',
    (pattern) => {
      const bare = pattern.source.replaceAll(/\\.|\[(?:\\.|[^\]])*\]/g, 'x');
      expect(bare).not.toMatch(/[*+]|\{\d+,\}/);
    },
  );
});

function riff(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.set(uint(bytes.byteLength - 8, 4, true), 4);
  return copy;
}
