import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import { accountPrefix } from '../../ports/blob-store.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import type { SimDisk } from '../world/sim-disk.ts';
import { ACCOUNT } from './app.ts';

/** What oracles read straight from a device's tables: the engine is not asked about itself. */

/** What of a device is read. */
interface WithRows {
  readonly sql: SqlDatabase | undefined;
}

export interface MediaRow {
  readonly mediaId: string;
  readonly origin: string;
  readonly blobKey: string | null;
  readonly hasBytes: boolean;
  readonly byteSize: number;
  readonly sha256: string;
  readonly url: string | null;
  readonly facts: AttachmentFacts;
}

export function mediaOf({ sql }: WithRows): readonly MediaRow[] {
  return (
    sql?.all('SELECT * FROM lading_media WHERE account_id = ? ORDER BY media_id', ACCOUNT) ?? []
  ).map((row) => ({
    mediaId: String(row['media_id']),
    origin: String(row['origin']),
    blobKey: row['blob_key'] === null ? null : String(row['blob_key']),
    hasBytes: row['has_bytes'] === 1,
    byteSize: Number(row['byte_size']),
    sha256: String(row['sha256']),
    url: row['url'] === null ? null : String(row['url']),
    facts: JSON.parse(String(row['facts'])) as AttachmentFacts,
  }));
}

/** Whether its life is over: of one that is purged, only the stream may be left. */
export function isOver({ sql }: WithRows, mediaId: string): boolean {
  const row = sql?.get('SELECT status FROM lading_stream WHERE stream = ?', mediaId);
  return row?.['status'] === 'done';
}

export interface RefRow {
  readonly mediaId: string;
  readonly ownerKey: string;
  readonly rank: string;
  readonly isPrimary: boolean;
}

/** In the order of each owner's list. */
export function refsOf({ sql }: WithRows): readonly RefRow[] {
  const query = 'SELECT * FROM lading_ref WHERE account_id = ? ORDER BY owner_key, rank, media_id';
  const rows = sql?.all(query, ACCOUNT) ?? [];
  return rows.map((row) => ({
    mediaId: String(row['media_id']),
    ownerKey: String(row['owner_key']),
    rank: String(row['rank']),
    isPrimary: row['is_primary'] === 1,
  }));
}

/** @param query selects one number as `n`. */
export function count(sql: SqlDatabase, query: string): number {
  return Number(sql.get(query)?.['n'] ?? 0);
}

/** Where the directory's layout has blobs. */
const BLOBS = 'blobs/';
/** Those of the app's account. */
const OURS = `${BLOBS}${accountPrefix(ACCOUNT)}`;

/** Blobs of the account on a device by key; temporary files apart. */
export function blobsOf({ disk }: { readonly disk: SimDisk }): ReadonlyMap<string, Uint8Array> {
  return new Map(
    [...disk.contents()]
      .filter(([path]) => path.startsWith(OURS))
      .map(([path, bytes]) => [path.slice(BLOBS.length), bytes]),
  );
}

/** Attachments that have a sidecar on the disk of a device. */
export function sidecarsOf({ disk }: { readonly disk: SimDisk }): readonly string[] {
  return [...disk.contents().keys()]
    .filter((path) => path.startsWith('sidecars/'))
    .flatMap((path) => {
      const ids = sidecarIds(path.slice('sidecars/'.length));
      return ids === undefined || ids.accountId === ACCOUNT ? [ids?.mediaId ?? path] : [];
    });
}

export function blobOf({ disk }: { readonly disk: SimDisk }, key: string): Uint8Array | undefined {
  return disk.bytesOf(`${BLOBS}${key}`);
}

/** The version that began the upload that stands now, if one does. @param key the object's. */
export function uploadRun(sql: SqlDatabase, key: string): number | undefined {
  const row = sql.get(
    `SELECT run FROM lading_task WHERE kind = 'invoke' AND name = 'upload' AND stream = ?`,
    key.slice(key.indexOf('/') + 1),
  );
  return row === undefined ? undefined : Number(row['run']);
}
