import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AttachmentRef, ListItem } from 'lading';
import { describe, expect, it } from 'vitest';
import type { Entity } from '../../examples/ledger/entities.ts';
import { images, ledgerWorld, pdf } from '../support/ledger-world.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const UNDO_MS = 30_000;

describe('items', () => {
  it('the first image becomes primary, and the next one takes its place when it goes', async () => {
    const { ledger, entity, until } = await ledgerWorld();
    const lamp = await entity('item', 'images', 3);
    const photos = ledger.gallery(lamp, 'images');
    const [a = '', b = '', c = ''] = ids(photos.list());
    expect(primaries(photos.list())).toEqual([a]);
    await until(photos.remove(a));
    expect(primaries(photos.list())).toEqual([b]);
    expect(await until(photos.setPrimary(c))).toBeNull();
    expect(primaries(photos.list())).toEqual([c]);
    await until(photos.move(c, 0));
    expect(ids(photos.list())).toEqual([c, b]);
    expect(primaries(photos.list())).toEqual([c]);
    expect(ledger.column(lamp, 'images')).toEqual(photos.list().map(({ ref }) => ref));
  });

  it('a form keeps its photos as drafts, and saves all of them with the row in one commit', async () => {
    const { ledger, done, until, rows, remote, net } = await ledgerWorld();
    const form = ledger.newItemForm(null);
    await done(form.addPhotos(images(2)));
    const [first] = await done(form.addPhotos(images(1)));
    expect(form.photos.map(({ view }) => view.waitingFor)).toEqual(['link', 'link', 'link']);
    await until(form.removePhoto(form.photos[1]?.id ?? ''));
    expect(rows('SELECT * FROM item')).toEqual([]);
    const lamp = await done(form.save('Brass lamp'));
    const list = ledger.gallery(lamp, 'images').list();
    expect(list).toHaveLength(2);
    expect(list[1]?.ref.mediaId).toBe(first?.id);
    expect(ledger.column(lamp, 'images')).toEqual(list.map(({ ref }) => ref));
    net.set({ online: true });
    await until(ledger.lading.settled());
    expect(remote.objects.size).toBe(2);
  });

  it('a form that is discarded leaves nothing', async () => {
    const { ledger, done, until, rows, blobs } = await ledgerWorld();
    const form = ledger.newItemForm(null);
    await done(form.addPhotos(images(3)));
    await until(form.discard());
    await until(ledger.lading.settled());
    expect([blobs.keys, rows('SELECT * FROM item'), form.photos]).toEqual([[], [], []]);
  });

  it('a form whose row cannot be written links none of its photos', async () => {
    const { ledger, done, until, entity } = await ledgerWorld();
    const taken = await entity('item', 'images');
    const form = ledger.newItemForm(null);
    await done(form.addPhotos(images(2)));
    // The id is taken by a row that another device made meanwhile.
    ledger.receive(form.entity, 'somebody else was faster');
    await expect(until(form.save('Brass lamp'))).rejects.toThrow(/UNIQUE/);
    expect(ledger.gallery(form.entity, 'images').list()).toEqual([]);
    expect(form.photos.map(({ view }) => view.waitingFor)).toEqual(['link', 'link']);
    expect(ledger.gallery(taken, 'images').list()).toHaveLength(1);
  });
});

describe('transactions', () => {
  it('receipts are images and PDFs in their order; a PDF is never primary', async () => {
    const { ledger, done, until } = await ledgerWorld();
    const wanted = { type: 'transaction', projectId: null, name: 'Dinner' } as const;
    const dinner = await done(ledger.create(wanted, 'receiptImages', [pdf(), ...images(1), pdf()]));
    const slot = ledger.gallery(dinner, 'receiptImages');
    const [first = '', second = '', third = ''] = ids(slot.list());
    expect(slot.list().map(({ ref }) => ref.kind)).toEqual(['pdf', 'image', 'pdf']);
    expect(primaries(slot.list())).toEqual([second]);
    expect(await until(slot.setPrimary(first))).toMatchObject({ code: 'wrong_kind' });
    await until(slot.remove(second));
    expect([ids(slot.list()), primaries(slot.list())]).toEqual([[first, third], []]);
  });

  it('the row and its receipts are one commit: a receipt that is refused leaves no transaction', async () => {
    const { ledger, refusal, rows, blobs } = await ledgerWorld();
    const wanted = { type: 'transaction', projectId: null, name: 'Dinner' } as const;
    expect(await refusal(ledger.create(wanted, 'receiptImages', images(6)))).toMatch(/^Maximum 5/);
    expect([rows('SELECT * FROM transaction_'), blobs.keys]).toEqual([[], []]);
  });
});

describe('an entity that is deleted', () => {
  it('in the middle of an upload takes its images along, everywhere, and a late success brings none back (contract 5.2)', async () => {
    let finish = (): void => {};
    const proxy = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { ledger, entity, until, pass, blobs, remote, rows } = await ledgerWorld({
      online: true,
      script: ({ operation }) =>
        operation === 'upload' ? { after: proxy, landed: true } : undefined,
    });
    const kitchen = await entity('space', 'images', 2);
    await pass(10);
    const before = ledger.gallery(kitchen, 'images').list();
    expect(before.map(({ view }) => view.state)).toEqual(['uploading', 'uploading']);
    await until(ledger.delete(kitchen));
    finish();
    await pass(UNDO_MS + 60 * 60_000);
    expect(ledger.gallery(kitchen, 'images').list()).toEqual([]);
    expect(rows('SELECT images, deleted_at IS NULL AS alive FROM space')).toEqual([
      { images: '[]', alive: 0 },
    ]);
    expect([blobs.keys, [...remote.objects.keys()]]).toEqual([[], []]);
    expect(ledger.lading.storage()).toMatchObject({ usedBytes: 0, files: 0 });
  });

  it('comes back with all its attachments, and its row, within the undo time and not later', async () => {
    const { ledger, entity, until, pass, done } = await ledgerWorld();
    const dinner = await entity('transaction', 'receiptImages', 2);
    await done(ledger.gallery(dinner, 'otherImages').add(images(1)));
    const list = (): readonly number[] =>
      (['receiptImages', 'otherImages'] as const).map(
        (slot) => ledger.gallery(dinner, slot).list().length,
      );
    const undo = await until(ledger.delete(dinner));
    expect(list()).toEqual([0, 0]);
    await until(ledger.undoDelete(dinner, undo));
    expect(list()).toEqual([2, 1]);
    const late = await until(ledger.delete(dinner));
    await pass(UNDO_MS + 1_000);
    await expect(until(ledger.undoDelete(dinner, late))).rejects.toMatchObject({
      code: 'undo_expired',
    });
    expect(list()).toEqual([0, 0]);
  });
});

describe('replacing', () => {
  it('in the middle of an upload: the newest wins, and the loser goes everywhere (field case 48)', async () => {
    const never = new Promise<void>(() => {});
    const { ledger, entity, until, done, pass, remote, blobs } = await ledgerWorld({
      online: true,
      script: ({ operation, objectKey, nth }) =>
        operation === 'upload' && nth === 1 && objectKey === slow ? { after: never } : undefined,
    });
    let slow = '';
    await until(ledger.lading.pause());
    const lamp = await entity('item', 'images');
    const photos = ledger.gallery(lamp, 'images');
    const [old = ''] = ids(photos.list());
    slow = `ada/${old}`;
    await until(ledger.lading.resume());
    await pass(10);
    expect(photos.list()[0]?.view.state).toBe('uploading');
    const { id } = await done(photos.replace(old, images(1)[0] as never));
    await pass(UNDO_MS + 60 * 60_000);
    expect(ids(photos.list())).toEqual([id]);
    expect(primaries(photos.list())).toEqual([id]);
    expect([[...remote.objects.keys()], blobs.keys.length]).toEqual([[`ada/${id}`], 1]);
  });

  it('a logo: the second takes the place of the first, its row follows, and removing it gives null', async () => {
    const { ledger, done, until, rows, net } = await ledgerWorld();
    const { settings } = ledger;
    const column = (): AttachmentRef | null =>
      JSON.parse(String(rows('SELECT logo FROM profile')[0]?.['logo'])) as AttachmentRef | null;
    expect([settings.logo(), column()]).toEqual([null, null]);
    await done(settings.setLogo(images(1)[0] as never));
    const second = await done(settings.setLogo(images(1)[0] as never));
    expect(settings.logo()?.ref.mediaId).toBe(second.id);
    expect(column()).toEqual(settings.logo()?.ref);
    net.set({ online: true });
    await until(ledger.lading.settled());
    expect(column()?.url).toBe(`https://objects.example/ada/${second.id}`);
    await until(settings.removeLogo());
    expect([settings.logo(), column()]).toEqual([null, null]);
    expect(await until(settings.removeLogo())).toBeNull();
  });

  it('a project has a bare url, which becomes remote in the commit that attaches it', async () => {
    const { ledger, done, until, net } = await ledgerWorld();
    const wanted = { type: 'project', projectId: null, name: 'Lake house' } as const;
    const house: Entity = await done(ledger.create(wanted, 'mainImage', images(1)));
    const [id] = ids(ledger.gallery(house, 'mainImage').list());
    expect(ledger.column(house, 'mainImage')).toBe(`offline://${id}`);
    net.set({ online: true });
    await until(ledger.lading.settled());
    expect(ledger.column(house, 'mainImage')).toBe(`https://objects.example/ada/${id}`);
  });
});

describe('invoice import', () => {
  it('makes a transaction with the PDF as receipt, and items with thumbnails, in one commit', async () => {
    const { ledger, done, until, rows } = await ledgerWorld();
    const invoice = ledger.newInvoiceImport('p');
    await done(invoice.pick([pdf()]));
    const lines = images(6).map(({ source }, n) => ({
      name: `item ${n}`,
      thumbnail: async () => source,
    }));
    expect(await until(invoice.takeThumbnails([...lines, { name: 'Delivery' }]))).toEqual([]);
    expect(rows('SELECT * FROM transaction_')).toEqual([]);
    const { transaction, items } = await done(invoice.confirm('Invoice 4711', 129_900));
    expect(ledger.gallery(transaction, 'receiptImages').list()).toMatchObject([
      { ref: { kind: 'pdf' } },
    ]);
    const withImages = items.map((item) => ledger.gallery(item, 'images').list().length);
    expect(withImages).toEqual([1, 1, 1, 1, 1, 1, 0]);
    expect(rows('SELECT name, amountCents FROM transaction_')).toEqual([
      { name: 'Invoice 4711', amountCents: 129_900 },
    ]);
    const made = rows(`SELECT DISTINCT at FROM lading_event WHERE type = 'ref.linked'`);
    expect(made).toHaveLength(1);
  });

  it('takes four thumbnails at a time, never more, and goes on when one cannot be had', async () => {
    const { ledger, done, until, clock } = await ledgerWorld();
    const invoice = ledger.newInvoiceImport(null);
    await done(invoice.pick([pdf()]));
    let open = 0;
    let most = 0;
    const lines = [...images(9), pdf()].map(({ source }, n) => ({
      name: `item ${n}`,
      async thumbnail() {
        open += 1;
        most = Math.max(most, open);
        await new Promise<void>((resolve) => void clock.schedule(100, resolve));
        open -= 1;
        return source;
      },
    }));
    const problems = await until(invoice.takeThumbnails(lines));
    expect(most).toBe(4);
    expect(problems).toEqual([expect.stringMatching(/^item 9: Invalid image file\./)]);
    const { items } = await done(invoice.confirm('Invoice', 1));
    expect(items).toHaveLength(10);
    expect(ledger.gallery(items[9] as Entity, 'images').list()).toEqual([]);
  });

  it('takes one PDF, and neither two nor an image', async () => {
    const { ledger, refusal, blobs } = await ledgerWorld();
    const invoice = ledger.newInvoiceImport(null);
    expect(await refusal(invoice.pick([pdf(), pdf()]))).toBe(
      'One invoice at a time. Nothing was added.',
    );
    expect(await refusal(invoice.pick(images(1)))).toBe(
      'Invalid invoice. Please choose a PDF under 10MB.',
    );
    expect(blobs.keys).toEqual([]);
  });

  it('that is cancelled leaves nothing', async () => {
    const { ledger, done, until, blobs, rows } = await ledgerWorld();
    const invoice = ledger.newInvoiceImport(null);
    await done(invoice.pick([pdf()]));
    const [picture] = images(1);
    await until(
      invoice.takeThumbnails([{ name: 'Chair', thumbnail: async () => picture?.source as never }]),
    );
    await until(invoice.cancel());
    await until(ledger.lading.settled());
    expect([blobs.keys, rows('SELECT * FROM item')]).toEqual([[], []]);
  });
});

it('the story runs from its package, and ends well', async () => {
  await promisify(execFile)(process.execPath, ['tools/build.ts'], { cwd: root });
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/ledger/main.ts'], {
    cwd: root,
  });
  expect(stdout).toContain('Maximum 5 receipts allowed. Nothing was added.');
  expect(stdout).toContain('File too large. Maximum size is 10MB.');
  expect(stdout).toContain('not here yet, waiting for their author');
  expect(stdout).toContain('3 of 3 refs are remote urls');
  expect(stdout.match(/verified from the log: ok/g)).toHaveLength(2);
}, 120_000);

function ids(list: readonly ListItem[]): readonly string[] {
  return list.map(({ ref }) => ref.mediaId);
}

function primaries(list: readonly ListItem[]): readonly string[] {
  return ids(list.filter(({ ref }) => ref.isPrimary));
}
