import type { BlobKey, Lading } from 'lading';
import { blobKey } from '../../ports/blob-store.ts';
import { ME, type World, world } from './lading-world.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Days pass here: a lease that is looked at every 80 minutes. */
export const PATIENT = { runner: { leaseMs: 4 * HOUR_MS } };

/** A file that no record knows, as a kill between a file's rename and its commit leaves one. */
export async function stray(
  phone: World,
  id = '0198f000-0000-7000-8000-0000000000aa',
  of = ME,
): Promise<BlobKey> {
  const key = blobKey(of, id);
  await phone.blobs.write(key, bytes('nobody knows me'));
  return key;
}

export async function* bytes(text: string): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** A world with Lading open in it, and a collection that is run to its end. */
export async function opened(options: Parameters<World['open']>[0] = {}) {
  const phone = world();
  const lading: Lading = await phone.open({ ...PATIENT, ...options });
  return { phone, lading, collect: () => phone.until(lading.collectGarbage()) };
}
