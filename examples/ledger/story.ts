import { fileURLToPath } from 'node:url';
import { bytesSource, type ListItem, type RefOrId, systemClock, type UndoToken } from 'lading';
import { fileSource } from 'lading/blobs/directory';
import { createReferenceBackend } from 'lading/sync';
import { type LedgerDevice, openDevice } from './device.ts';
import type { Entity } from './entities.ts';
import type { PickedFile } from './gallery.ts';
import type { Outcome } from './inline-errors.ts';

const ACCOUNT = 'ada';
const PROJECT = 'lake-house';

export interface StoryParts {
  readonly directory: string;
  readonly endpoint: string;
  readonly say: (line: string) => void;
}

/** A day with the app: five features, no network at first, and a second device at the end. */
export async function tellStory({ directory, endpoint, say }: StoryParts): Promise<void> {
  const backend = createReferenceBackend({ clock: systemClock() });
  const device = (name: string, online: boolean): Promise<LedgerDevice> =>
    openDevice({
      directory: `${directory}/${name}`,
      endpoint,
      backend: backend.client(ACCOUNT),
      account: ACCOUNT,
      projects: [null, PROJECT],
      online,
    });
  const phone = await device('phone', false);
  const tablet = await device('tablet', true);
  try {
    say('No network. Everything is saved on the phone.');
    const lamp = await items(phone, say);
    const dinner = await transactions(phone, say);
    await spaces(phone, say);
    await settings(phone, say);
    const invoice = await invoiceImport(phone, say);
    say('');
    await secondDevice(phone, tablet, lamp, say);
    await backOnline(phone, tablet, [lamp, dinner, invoice], say);
  } finally {
    await phone.ledger.close();
    await tablet.ledger.close();
  }
}

async function items({ ledger }: LedgerDevice, say: Say): Promise<Entity> {
  say('\nItems');
  const form = ledger.newItemForm(PROJECT);
  await form.addPhotos([photo('IMG_0412.jpg'), photo('IMG_0413.jpg'), photo('floor-plan.png')]);
  say(`  a form with 3 photos, not saved yet: ${form.photos[0]?.view.waitingFor}`);
  const lamp = done(await form.save('Brass lamp'));
  const photos = ledger.gallery(lamp, 'images');
  say(`  saved: ${names(photos.list())}`);
  const [first, second] = photos.list();
  const undo = await photos.remove(ref(first));
  say(`  the primary one is removed, the next takes its place: ${names(photos.list())}`);
  await ledger.lading.undo(undo);
  await photos.move(ref(second), 0);
  say(`  taken back, and another one moved to the front: ${names(photos.list())}`);
  done(await photos.replace(ref(first), photo('IMG_0414.jpg')));
  say(`  replaced by a better picture: ${names(photos.list())}`);
  return lamp;
}

async function transactions({ ledger }: LedgerDevice, say: Say): Promise<Entity> {
  say('\nTransactions');
  const receipts = [pdf('site-report.pdf'), photo('IMG_0415.jpg')];
  const wanted = { type: 'transaction', projectId: PROJECT, name: 'Dinner' } as const;
  const dinner = done(await ledger.create(wanted, 'receiptImages', receipts));
  const slot = ledger.gallery(dinner, 'receiptImages');
  say(`  a PDF and an image are receipts: ${names(slot.list())}`);
  const four = Array.from({ length: 4 }, () => photo('IMG_0413.jpg'));
  const refused = await slot.add(four);
  say(`  four more are one too many: ${refused.ok ? 'taken?!' : refused.error.text}`);
  done(await ledger.gallery(dinner, 'otherImages').add([photo('IMG_0412.jpg')]));
  say(`  receipts ${slot.list().length}, other images 1`);
  return dinner;
}

async function spaces(phone: LedgerDevice, say: Say): Promise<void> {
  const { ledger } = phone;
  say('\nSpaces');
  const wanted = { type: 'space', projectId: PROJECT, name: 'Kitchen' } as const;
  const kitchen = done(await ledger.create(wanted, 'images', [photo('IMG_0414.jpg')]));
  const pdfRefused = await ledger.gallery(kitchen, 'images').add([pdf('site-report.pdf')]);
  say(`  a PDF in a space: ${pdfRefused.ok ? 'taken?!' : pdfRefused.error.text}`);
  const token: UndoToken = await ledger.delete(kitchen);
  say(
    `  the kitchen is deleted, its images with it: ${ledger.gallery(kitchen, 'images').list().length}`,
  );
  await ledger.undoDelete(kitchen, token);
  say(`  and brought back: ${ledger.gallery(kitchen, 'images').list().length}`);
}

async function settings({ ledger }: LedgerDevice, say: Say): Promise<void> {
  say('\nSettings');
  const { settings: profile } = ledger;
  done(await profile.setLogo(photo('floor-plan.png')));
  done(await profile.setLogo(photo('IMG_0415.jpg')));
  say(`  the second logo takes the place of the first: ${profile.logo()?.ref.contentType}`);
  const large = bytesSource(new Uint8Array(10 * 1024 * 1024 + 1), { filename: 'huge.jpg' });
  const refused = await profile.setLogo({ source: large, kind: 'image' });
  say(`  one of more than 10 MB: ${refused.ok ? 'taken?!' : refused.error.text}`);
}

async function invoiceImport({ ledger }: LedgerDevice, say: Say): Promise<Entity> {
  say('\nInvoice import');
  const invoice = ledger.newInvoiceImport(PROJECT);
  done(await invoice.pick([pdf('site-report.pdf')]));
  const problems = await invoice.takeThumbnails([
    { name: 'Chair', thumbnail: async () => photo('IMG_0413.jpg').source },
    { name: 'Table', thumbnail: async () => photo('IMG_0414.jpg').source },
    { name: 'Delivery' },
  ]);
  const imported = done(await invoice.confirm('Invoice 4711', 129_900));
  const { length } = ledger.gallery(imported.transaction, 'receiptImages').list();
  say(`  one transaction with ${length} receipt, ${imported.items.length} items, in one commit`);
  for (const problem of problems) say(`  ${problem}`);
  return imported.transaction;
}

/** A device that has nothing but synced refs says so, and never "failed". */
async function secondDevice(
  phone: LedgerDevice,
  tablet: LedgerDevice,
  lamp: Entity,
  say: Say,
): Promise<void> {
  say('The phone finds a network that reaches the backend; the tablet pulls.');
  // The uploads wait: what is synced are refs alone.
  await phone.ledger.lading.pause();
  phone.network.set({ online: true });
  await phone.ledger.lading.settled();
  tablet.ledger.receive(lamp, 'Brass lamp');
  await tablet.ledger.lading.retrySync();
  const list = tablet.ledger.gallery(lamp, 'images').list();
  const waits = new Set(list.map(({ view }) => view.waitingFor));
  say(`  on the tablet: photos of the lamp, not here yet, waiting for their ${[...waits].join()}`);
}

async function backOnline(
  phone: LedgerDevice,
  tablet: LedgerDevice,
  entities: readonly Entity[],
  say: Say,
): Promise<void> {
  await phone.ledger.lading.resume();
  const settled = await phone.ledger.lading.settled();
  // Removed and replaced ones wait for the end of their undo time: nothing else may wait.
  const waits = settled.waiting.filter(({ state }) => state !== 'gone');
  say(`Uploads run. Left to do: ${waits.length}`);
  await tablet.ledger.lading.retrySync();
  await tablet.ledger.lading.settled();
  const [lamp] = entities;
  if (lamp === undefined) throw new Error('the story needs the lamp');
  // What was replaced a moment ago is told to others when it can no longer be undone.
  const list = tablet.ledger.gallery(lamp, 'images').list();
  const there = list.filter(({ view }) => view.state === 'uploaded');
  for (const { ref: one } of there) await tablet.ledger.lading.resolve(one);
  say(`  on the tablet: ${there.length} photos uploaded; their bytes were fetched and checked`);
  const column = phone.ledger.column(lamp, 'images') as readonly { readonly url: string }[];
  const remote = column.filter(({ url }) => url.startsWith('http')).length;
  say(`  the item's own row: ${remote} of ${column.length} refs are remote urls`);
  for (const { ledger } of [phone, tablet]) {
    const { ok, streams } = await ledger.lading.verify();
    say(`  verified from the log: ${ok ? 'ok' : 'NOT ok'}, ${streams} attachments`);
    if (!ok) throw new Error('the log and the rows disagree');
  }
  if (waits.length > 0 || remote !== column.length) throw new Error('something was not uploaded');
}

type Say = StoryParts['say'];

const file = (name: string): string =>
  fileURLToPath(new URL(`../demo/files/${name}`, import.meta.url));

function photo(name: string): PickedFile {
  const contentType = name.endsWith('.png') ? 'image/png' : 'image/jpeg';
  return { source: fileSource(file(name), { contentType }), kind: 'image' };
}

function pdf(name: string): PickedFile {
  return { source: fileSource(file(name), { contentType: 'application/pdf' }), kind: 'pdf' };
}

function names(list: readonly ListItem[]): string {
  return list
    .map(({ ref: one }) => `${one.contentType}${one.isPrimary === true ? ' (primary)' : ''}`)
    .join(', ');
}

function ref(item: ListItem | undefined): RefOrId {
  if (item === undefined) throw new Error('the list is shorter than the story needs');
  return item.ref;
}

function done<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(`the story expected this to work: ${outcome.error.text}`);
}
