import type { Lading, LadingOptions } from 'lading';
import type { BlobKey } from '../../ports/blob-store.ts';
import { device, fill } from './guardrails-world.ts';
import type { World, WorldOptions } from './lading-world.ts';

export const KB = 1_000;
export const MINUTE = 60_000;

/** A device on line, with files of 100 kB that are uploaded, the oldest first. */
export async function filled(
  count: number,
  options: Partial<LadingOptions> = {},
  worldOptions: WorldOptions = {},
) {
  const phone = device({ online: true, ...worldOptions });
  const lading = await phone.open(options);
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    ids.push(await fill(phone, lading, 100 * KB));
    await phone.pass(MINUTE);
  }
  return { phone, lading, ids };
}

/** Which of them are here, as numbers from 0. */
export function here(phone: World, ids: readonly string[]): readonly number[] {
  const rows = phone.rows('SELECT media_id FROM lading_media WHERE has_bytes = 1');
  const present = new Set(rows.map((row) => row['media_id']));
  return ids.flatMap((id, index) => (present.has(id) ? [index] : []));
}

export async function read(phone: World, lading: Lading, id: string): Promise<Buffer> {
  const bytes = await phone.until(lading.resolve(id));
  return phone.until(collect(bytes.open()));
}

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function downloads({ remote }: World): number {
  return remote.calls.filter(({ operation }) => operation === 'download').length;
}

export function keyOf(phone: World, id: string): BlobKey {
  const sql = `SELECT blob_key FROM lading_media WHERE media_id = '${id}'`;
  return phone.rows(sql)[0]?.['blob_key'] as BlobKey;
}
