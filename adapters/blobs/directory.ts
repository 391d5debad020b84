import { createHash } from 'node:crypto';
import type { BlobKey, BlobStore, StoredBlob, WrittenBlob } from '../../ports/blob-store.ts';
import type { Disk, DiskEntry, DiskFile } from '../../ports/disk.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Random } from '../../ports/random.ts';
import { systemRandom } from '../../ports/random.ts';
import { abortable, captureAborted } from './abortable.ts';
import { unlessAbsent, unreadable, writeError } from './disk-errors.ts';
import { nodeDisk } from './node-disk.ts';
import { sha256Digest } from './sha256-digest.ts';
import { directorySidecars } from './sidecars.ts';

export { type FileSourceOptions, fileSource } from './file-source.ts';
export { nodeDisk };

/** A directory of this machine, or any {@link Disk}: the simulated one, or one of the app's own. */
export type DirectoryBlobsOptions = (
  | { readonly directory: string; readonly disk?: undefined }
  | { readonly disk: Disk; readonly directory?: undefined }
) & {
  /** Names temporary files. Default: the platform's chance. */
  readonly random?: Random;
};

/** Folders of their own, so that no key can be mistaken for a temporary name, or for a sidecar. */
const TEMPORARY = 'tmp';
const BLOBS = 'blobs';
const PIECE_BYTES = 256 * 1024;

/**
 * Blobs as files of one directory, which must be durable storage and not a cache that the system may empty
 * (field case 2). Keys are relative, so that the directory may move between starts (contract 4.1, field case 1).
 *
 * `write` follows contract 3.2: temporary file → append while hashing → sync → close → target directory (durable)
 * → rename → sync of the target directory. From then on the name is durable, and so are the bytes under it. The
 * temporary folder is never synced: after a power cut a temporary name may be back, as a leftover that `list` shows.
 *
 * @example
 * ```ts
 * const blobs = directoryBlobs({ directory: '/var/lib/my-app/attachments' })
 * ```
 */
export function directoryBlobs(options: DirectoryBlobsOptions): BlobStore {
  const disk = options.disk ?? nodeDisk(options.directory);
  const random = options.random ?? systemRandom;
  const temporaryName = () => `${TEMPORARY}/${Buffer.from(random.bytes(16)).toString('hex')}`;

  const blobs: BlobStore = {
    async write(key, source, { signal, maxBytes } = {}) {
      const { directory, path } = placeOf(key);
      const temporary = temporaryName();
      let leftover: string | undefined;
      try {
        if (signal?.aborted) throw captureAborted();
        await disk.makeDirectory(TEMPORARY);
        const file = await disk.open(temporary, 'create');
        leftover = temporary;
        const written = await fill(file, abortable(source, signal), maxBytes);
        await disk.makeDirectory(directory);
        if (signal?.aborted) throw captureAborted();
        await disk.rename(temporary, path);
        leftover = path;
        await disk.syncDirectory(directory);
        return written;
      } catch (error) {
        // Without success nothing stays. If even that fails, `list` shows it; what went wrong first is the answer.
        if (leftover !== undefined) await disk.remove(leftover).catch(() => {});
        throw writeError(error, signal);
      }
    },

    async *open(key, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      const file = await openBlob(disk, placeOf(key).path).catch(unreadable);
      if (file === undefined) {
        throw new LadingError('blob_missing', `The bytes of ${key} are not on this device.`);
      }
      try {
        for (let position = start; position < end; ) {
          const wanted = Math.min(PIECE_BYTES, end - position);
          const bytes = await file.read(position, wanted).catch(unreadable);
          position += bytes.byteLength;
          if (bytes.byteLength > 0) yield bytes;
          if (bytes.byteLength < wanted) return;
        }
      } finally {
        await file.close();
      }
    },

    async stat(key) {
      const sizeBytes = await sizeOf(disk, placeOf(key).path).catch(unreadable);
      return sizeBytes === undefined ? undefined : { sizeBytes };
    },

    async hash(key, signal) {
      const hash = createHash('sha256');
      for await (const bytes of blobs.open(key)) {
        signal?.throwIfAborted();
        hash.update(bytes);
      }
      return hash.digest('hex');
    },

    digest: sha256Digest,

    async remove(key) {
      if (key.startsWith(`${TEMPORARY}/`)) {
        await disk.remove(relative(key).join('/')).catch(unreadable);
        return;
      }
      const { directory, path } = placeOf(key);
      await disk.remove(path).catch(unreadable);
      await disk.syncDirectory(directory).catch(unlessAbsent).catch(unreadable);
    },

    async *list({ after = '' } = {}) {
      const isTemporary = after.startsWith(`${TEMPORARY}/`);
      if (after === '' || isTemporary) {
        for (const entry of sorted(await disk.list(TEMPORARY).catch(unreadable))) {
          const key = `${TEMPORARY}/${entry.name}`;
          if (!entry.directory && key > after) yield stored(key, entry, true);
        }
      }
      yield* blobsBelow(disk, '', isTemporary || after === '' ? [] : after.split('/'));
    },

    ...(disk.pathOf === undefined ? {} : { file: async (key) => disk.pathOf?.(placeOf(key).path) }),

    sidecars: directorySidecars(disk, TEMPORARY, temporaryName),
  };
  return blobs;
}

async function fill(
  file: DiskFile,
  source: AsyncIterable<Uint8Array>,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<WrittenBlob> {
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const bytes of source) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(bytes);
      await file.append(bytes);
    }
    await file.sync();
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** @param after the parts of a key below `prefix`: only what comes behind it. */
async function* blobsBelow(
  disk: Disk,
  prefix: string,
  after: readonly string[],
): AsyncIterable<StoredBlob> {
  const [first = '', ...rest] = after;
  const path = `${BLOBS}/${prefix}`.replace(/\/$/, '');
  for (const entry of sorted(await disk.list(path).catch(unreadable))) {
    if (entry.name < first) continue;
    const isOnTheWay = entry.name === first;
    if (entry.directory) yield* blobsBelow(disk, `${prefix}${entry.name}/`, isOnTheWay ? rest : []);
    else if (!isOnTheWay) yield stored(`${prefix}${entry.name}`, entry, false);
  }
}

function sorted(entries: readonly DiskEntry[]): readonly DiskEntry[] {
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function stored(key: string, entry: DiskEntry, temporary: boolean): StoredBlob {
  const { sizeBytes, modifiedAt } = entry;
  return { key: key as BlobKey, sizeBytes, modifiedAt, temporary };
}

async function sizeOf(disk: Disk, path: string): Promise<number | undefined> {
  if (disk.sizeOf !== undefined) return disk.sizeOf(path);
  const file = await openBlob(disk, path);
  if (file === undefined) return undefined;
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

async function openBlob(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read');
  } catch (error) {
    unlessAbsent(error);
    return undefined;
  }
}

function placeOf(key: BlobKey): { readonly directory: string; readonly path: string } {
  const parts = relative(key);
  if (parts[0] === TEMPORARY) throw badKey(key);
  return {
    directory: [BLOBS, ...parts.slice(0, -1)].join('/'),
    path: [BLOBS, ...parts].join('/'),
  };
}

/** The disk refuses such paths too; here no other disk has to be trusted with it (contract 10.1). */
function relative(key: BlobKey): readonly string[] {
  const parts = key.split('/');
  if (parts.some((part) => part === '' || /^\.{1,2}$|[\p{Cc}\\:]/u.test(part))) throw badKey(key);
  return parts;
}

function badKey(key: BlobKey): LadingError {
  const message = 'A blob key must be a relative path made of ids; make one with `blobKey`.';
  return new LadingError('invalid_id', message, { details: { length: key.length } });
}

function tooLarge(maxBytes: number): LadingError {
  const message = `File too large. Maximum size is ${maxBytes} bytes.`;
  return new LadingError('file_too_large', message, { details: { maxBytes } });
}
