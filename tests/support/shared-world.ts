import { expect } from 'vitest';
import type { BlobKey } from '../../ports/blob-store.ts';
import { picture, pictureBytes, type World } from './lading-world.ts';

export const SIZE = 2_000;
export const BYTES = Buffer.from(pictureBytes('the same picture', SIZE));
export const same = () => picture('the same picture', SIZE);
export const keyOf = (phone: World, id: string): BlobKey =>
  phone.rows(`SELECT blob_key FROM lading_media WHERE media_id = '${id}'`)[0]?.[
    'blob_key'
  ] as BlobKey;
/** Those that still protect something; a stopped download leaves one that runs out by itself. */
export const holds = (phone: World) =>
  phone.rows(`SELECT * FROM lading_hold WHERE until > ${phone.clock.now()}`);

/** What must hold whenever nothing is under way: files are what attachments hold, and usage is their sum. */
export async function expectOrder(phone: World): Promise<void> {
  const rows = phone.rows('SELECT DISTINCT blob_key AS k FROM lading_media WHERE has_bytes = 1');
  const wanted = rows.map((row) => String(row['k'])).toSorted();
  expect([...phone.blobs.keys].toSorted()).toEqual(wanted);
  let bytes = 0;
  for await (const { sizeBytes } of phone.blobs.list()) bytes += sizeBytes;
  const [usage] = phone.rows('SELECT bytes, blobs FROM lading_usage');
  expect({ bytes: 0, blobs: 0, ...usage }).toEqual({ bytes, blobs: wanted.length });
  expect(holds(phone)).toEqual([]);
}

export async function read(phone: World, lading: Awaited<ReturnType<World['open']>>, id: string) {
  const bytes = await phone.until(lading.resolve(id));
  const pieces: Uint8Array[] = [];
  await phone.until(
    (async () => {
      for await (const piece of bytes.open()) pieces.push(piece);
    })(),
  );
  return Buffer.concat(pieces);
}
