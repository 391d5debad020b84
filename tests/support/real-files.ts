import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fields, type Lading, openLading } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { openNodeSqlite } from 'lading/sqlite/node';
import { memoryRemote } from 'lading/testing';
import { sampleJpeg } from '../../testing/sample-files/index.ts';

/** The database that {@link openOffline} opens in a folder. */
export function databaseIn(base: string): string {
  return join(base, 'app.db');
}

/** A sound JPEG of so many bytes; none for 0. */
export function picture(sizeBytes: number): Uint8Array {
  return sizeBytes === 0 ? new Uint8Array(0) : sampleJpeg({ sizeBytes });
}

/** Lading on real files of one folder, with no network; a database that it cannot open is closed again. */
export async function openOffline(
  base: string,
  fields: Fields,
  store = openNodeSqlite(databaseIn(base)),
): Promise<Lading> {
  try {
    return await openLading({
      store,
      blobs: directoryBlobs({ directory: join(base, 'blobs') }),
      remote: memoryRemote(),
      connectivity: manualConnectivity({ online: false }),
      fields,
      account: 'me',
    });
  } catch (error) {
    store.close();
    throw error;
  }
}

/** A file with this text, or a sound JPEG of so many bytes; an empty one for 0. */
export async function fileIn(base: string, name: string, bytes: number | string): Promise<string> {
  const path = join(base, name);
  await writeFile(path, typeof bytes === 'string' ? bytes : picture(bytes));
  return path;
}
