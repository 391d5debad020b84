import { describe, expect, it } from 'vitest';
import { joined, sampleHeif, uint } from '../../testing/sample-files/index.ts';
import { intake } from '../support/intake-world.ts';

const box = (type: string, ...data: readonly (Uint8Array | string)[]): Uint8Array => {
  const bytes = joined(...data);
  return joined(uint(bytes.byteLength + 8, 4), type, bytes);
};
const full = (type: string, version: number, ...data: readonly (Uint8Array | string)[]) =>
  box(type, uint(version, 1), uint(0, 3), ...data);
const times = (count: number, bytes: Uint8Array): Uint8Array =>
  joined(...Array.from({ length: count }, () => bytes));

/** A HEIC whose only item is EXIF, with an item location box of one's own. */
function heicWith(iloc: Uint8Array, ...more: readonly Uint8Array[]): Uint8Array {
  return joined(
    box('ftyp', 'heic', uint(0, 4), 'mif1heic'),
    full(
      'meta',
      0,
      full('hdlr', 0, uint(0, 4), 'pict', new Uint8Array(12), '\0'),
      full('iinf', 0, uint(1, 2), full('infe', 2, uint(2, 2), uint(0, 2), 'Exif', '\0')),
      iloc,
      box('iprp', box('ipco', full('ispe', 0, uint(64, 4), uint(64, 4)))),
    ),
    ...more,
  );
}

const HEIC = { contentType: 'image/heic' } as const;
const unreadable = (why: RegExp) => ({
  code: 'image_unreadable',
  details: { why: expect.stringMatching(why) },
});

describe('a small HEIC that would become large in memory (contract 10.6)', () => {
  it('is refused when its extents have no byte of their own, and there are many', async () => {
    const item = joined(uint(2, 2), uint(0, 2), uint(0, 2), uint(65_535, 2));
    const bytes = heicWith(full('iloc', 1, uint(0, 1), uint(0, 1), uint(20, 2), times(20, item)));
    await expect(intake(bytes, {}, HEIC)).rejects.toMatchObject(unreadable(/broken/));
  });

  it('is refused also when the item is none that concerns anybody', async () => {
    const item = joined(uint(9, 2), uint(0, 2), uint(0, 2), uint(65_535, 2));
    const bytes = heicWith(full('iloc', 1, uint(0, 1), uint(0, 1), uint(20, 2), times(20, item)));
    await expect(intake(bytes, {}, HEIC)).rejects.toMatchObject(unreadable(/broken/));
  });

  it('is refused when the pieces of its EXIF are more than a thousand', async () => {
    const extents = times(1_001, joined(uint(0, 2), uint(4, 2)));
    const item = joined(uint(2, 2), uint(0, 2), uint(0, 2), uint(1_001, 2), extents);
    const bytes = heicWith(full('iloc', 1, uint(0x22, 1), uint(0, 1), uint(1, 2), item));
    await expect(intake(bytes, {}, HEIC)).rejects.toMatchObject(unreadable(/too many/));
  });

  it('is refused when it says to have more than ten thousand items', async () => {
    const bytes = heicWith(full('iloc', 1, uint(0, 1), uint(0, 1), uint(10_001, 2)));
    await expect(intake(bytes, {}, HEIC)).rejects.toMatchObject(unreadable(/too many/));
  });

  it('is refused when two boxes say where its items are', async () => {
    const iloc = full('iloc', 1, uint(0, 1), uint(0, 1), uint(0, 2));
    const bytes = heicWith(joined(iloc, iloc));
    await expect(intake(bytes, {}, HEIC)).rejects.toMatchObject(unreadable(/where its parts/));
  });

  it('is refused when it has more than ten thousand boxes', async () => {
    const empty = times(10_001, box('free'));
    await expect(intake(joined(sampleHeif(), empty), {}, HEIC)).rejects.toMatchObject(
      unreadable(/too many/),
    );
    await expect(intake(joined(sampleHeif(), box('moov', empty)), {}, HEIC)).rejects.toMatchObject(
      unreadable(/too many/),
    );
  });

  it('is taken when its tracks are nested as deep as its bytes allow', async () => {
    const depth = 12_000;
    const headers = Array.from({ length: depth }, (_, at) =>
      joined(uint((depth - at) * 8 + 9, 4), 'trak'),
    );
    const film = joined(...headers, box('udta', 'x'));
    const { bytes } = await intake(joined(sampleHeif(), box('moov', film)), {}, HEIC);
    expect(Buffer.from(bytes).includes('udta')).toBe(false);
  });
});
