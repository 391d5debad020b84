import { describe, expect, it } from 'vitest';
import { smallPng } from '../../model-based-tests/support/small-files.ts';
import {
  imageOf,
  images,
  type LedgerWorld,
  ledgerWorld,
  pdf,
  said,
} from '../support/ledger-world.ts';

const MAX = 10 * 1024 * 1024;
const INVALID_IMAGE =
  'Invalid image file. Please upload a valid image (JPEG, PNG, GIF, WebP, HEIC/HEIF) under 10MB.';
const INVALID_RECEIPT = 'Invalid receipt attachment. Please upload a PDF or image under 10MB.';
const TOO_LARGE = 'File too large. Maximum size is 10MB.';
const HTML = Buffer.from('<!doctype html><html><script>alert(1)</script></html>');
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

/** Nothing of a refused batch may be anywhere: no bytes, no stream, no ref. */
function left({ blobs, rows }: LedgerWorld): readonly number[] {
  return [
    blobs.keys.length,
    rows('SELECT DISTINCT stream FROM lading_event').length,
    rows('SELECT * FROM lading_ref').length,
  ];
}

describe.each([
  ['transaction', 'receiptImages', 5, 'Maximum 5 receipts allowed. Nothing was added.'],
  ['transaction', 'otherImages', 5, 'Maximum 5 images allowed. Nothing was added.'],
  ['space', 'images', 20, 'Maximum 20 images allowed. Nothing was added.'],
  ['project', 'mainImage', 1, 'Maximum 1 image allowed. Nothing was added.'],
] as const)('%s.%s', (type, slot, max, sentence) => {
  it(`takes ${max}, and refuses the whole batch that would be one more (original defect 21)`, async () => {
    const world = await ledgerWorld();
    const { ledger, done, refusal } = world;
    const entity = await done(
      ledger.create({ type, projectId: null, name: 'full' }, slot, images(max)),
    );
    const gallery = ledger.gallery(entity, slot);
    expect(gallery.list()).toHaveLength(max);
    const before = left(world);
    expect(await refusal(gallery.add(images(1)))).toBe(sentence);
    expect(left(world)).toEqual(before);

    const other = await done(ledger.create({ type, projectId: null, name: 'empty' }, slot, []));
    expect(await refusal(ledger.gallery(other, slot).add(images(max + 1)))).toBe(sentence);
    expect(ledger.gallery(other, slot).list()).toEqual([]);
    expect(left(world)).toEqual(before);
  });

  it('takes a file of 10 MB, and refuses one byte more, alone and within a batch', async () => {
    const world = await ledgerWorld();
    const { ledger, done, refusal } = world;
    const entity = await done(ledger.create({ type, projectId: null, name: 'big' }, slot, []));
    const gallery = ledger.gallery(entity, slot);
    expect(await refusal(gallery.add([imageOf(MAX + 1)]))).toBe(TOO_LARGE);
    const beside = max > 1 ? images(1) : [];
    expect(await refusal(gallery.add([...beside, imageOf(MAX + 1)]))).toBe(TOO_LARGE);
    expect(left(world)).toEqual([0, 0, 0]);
    await done(gallery.add([imageOf(MAX)]));
    expect(gallery.list()).toMatchObject([{ ref: { byteSize: MAX } }]);
  });
});

describe('what a slot takes', () => {
  it('an item takes images and no PDF; receipts take both', async () => {
    const { ledger, entity, done, refusal } = await ledgerWorld();
    const lamp = ledger.gallery(await entity('item', 'images'), 'images');
    expect(await refusal(lamp.add([pdf()]))).toBe(INVALID_IMAGE);
    const dinner = await entity('transaction', 'receiptImages');
    await done(ledger.gallery(dinner, 'receiptImages').add([pdf()]));
    expect(await refusal(ledger.gallery(dinner, 'otherImages').add([pdf()]))).toBe(INVALID_IMAGE);
    expect(ledger.gallery(dinner, 'receiptImages').list()).toHaveLength(2);
  });

  it.each([
    ['SVG', SVG, 'image/svg+xml', 'logo.svg'],
    ['SVG that says it is a JPEG', SVG, 'image/jpeg', 'logo.jpg'],
    ['HTML that says it is a PNG', HTML, 'image/png', 'page.png'],
    ['a PDF that says it is a JPEG', Buffer.from('%PDF-1.4\n%%EOF'), 'image/jpeg', 'scan.jpg'],
  ])(
    'an image slot refuses %s, by its bytes, and stores nothing',
    async (_what, bytes, type, name) => {
      const world = await ledgerWorld();
      const item = await world.done(
        world.ledger.create({ type: 'item', projectId: null, name: 'lamp' }, 'images', []),
      );
      const gallery = world.ledger.gallery(item, 'images');
      const added = gallery.add([...images(1), said('image', bytes, type, name)]);
      expect(await world.refusal(added)).toBe(INVALID_IMAGE);
      expect(left(world)).toEqual([0, 0, 0]);
    },
  );

  it('receipts refuse HTML that says it is a PDF, and name the file', async () => {
    const world = await ledgerWorld();
    const wanted = { type: 'transaction', projectId: null, name: 'Dinner' } as const;
    const files = [...images(1), said('pdf', HTML, 'application/pdf', 'bill.pdf')];
    const outcome = await world.until(world.ledger.create(wanted, 'receiptImages', files));
    expect(outcome).toMatchObject({
      ok: false,
      error: { text: INVALID_RECEIPT, filename: 'bill.pdf' },
    });
    // Not even the transaction's own row.
    expect(world.rows('SELECT * FROM transaction_')).toEqual([]);
    expect(left(world)).toEqual([0, 0, 0]);
  });

  it('takes a picture whose picker knew no type: its bytes say what it is (original defect 20)', async () => {
    const { ledger, entity, done } = await ledgerWorld();
    const lamp = ledger.gallery(await entity('item', 'images'), 'images');
    await done(lamp.add([said('image', smallPng('untyped'), '', 'IMG_1')]));
    expect(lamp.list()[1]?.ref).toMatchObject({ contentType: 'image/png', kind: 'image' });
    expect(lamp.list()[1]?.ref.byteSize).toBe(smallPng('untyped').byteLength);
  });
});

describe('the logo', () => {
  it('is one image of at most 10 MB, with its error beside the field', async () => {
    const { ledger, refusal, done } = await ledgerWorld();
    const { settings } = ledger;
    expect(await refusal(settings.setLogo(imageOf(MAX + 1)))).toBe(TOO_LARGE);
    expect(await refusal(settings.setLogo(pdf()))).toBe(INVALID_IMAGE);
    expect(settings.logo()).toBeNull();
    await done(settings.setLogo(imageOf(MAX)));
    expect(settings.logo()?.ref.byteSize).toBe(MAX);
  });
});
