import { createHash } from 'node:crypto';
import { abortable } from '../adapters/blobs/abortable.ts';
import { sha256Digest } from '../adapters/blobs/sha256-digest.ts';
import type { BlobKey, BlobStore } from '../ports/blob-store.ts';
import type { Clock } from '../ports/clock.ts';
import { LadingError } from '../ports/errors.ts';
import { sidecarIds } from '../ports/sidecar-name.ts';
import type { SidecarName } from '../ports/sidecars.ts';

/** What a test may look at, and spoil. */
export interface MemoryBlobs extends BlobStore {
  readonly keys: readonly BlobKey[];
  /** Takes the bytes away behind the engine's back, as a user who clears a folder does. */
  lose(key: BlobKey): void;
  /** Puts other bytes under a key, as a broken disk does. */
  spoil(key: BlobKey, bytes: Uint8Array): void;
}

export interface MemoryBlobsOptions {
  /** Says when a blob was written. Default: all at 0. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Writes past this many bytes in all fail with `disk_full`. Default unlimited. */
  readonly capacityBytes?: number;
}

const PIECE_BYTES = 256 * 1024;

/**
 * A {@link BlobStore} in memory, for tests: keeps the same contract as one on a disk, and forgets with the process.
 *
 * @example
 * ```ts
 * const blobs = memoryBlobs()
 * const lading = await openLading({ store, blobs, remote: memoryRemote(), fields, account: 'me' })
 * ```
 */
export function memoryBlobs(options: MemoryBlobsOptions = {}): MemoryBlobs {
  const { clock, capacityBytes = Number.POSITIVE_INFINITY } = options;
  const sidecars = new Map<SidecarName, string>();
  const stored = new Map<BlobKey, { readonly bytes: Uint8Array; readonly modifiedAt: number }>();

  const put = (key: BlobKey, bytes: Uint8Array): void =>
    void stored.set(key, { bytes, modifiedAt: clock?.now() ?? 0 });
  const usedBytes = (): number =>
    [...stored.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

  return {
    async write(key, source, { signal, maxBytes = Number.POSITIVE_INFINITY } = {}) {
      requireKey(key);
      const chunks: Uint8Array[] = [];
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const chunk of abortable(source, signal)) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > maxBytes) {
          throw new LadingError('file_too_large', `More than ${maxBytes} bytes.`);
        }
        if (usedBytes() + sizeBytes > capacityBytes) {
          throw new LadingError('disk_full', 'The disk is full: nothing was stored.');
        }
        hash.update(chunk);
        chunks.push(chunk.slice());
      }
      if (signal?.aborted) throw new LadingError('capture_aborted', 'The capture was aborted.');
      put(key, Buffer.concat(chunks));
      return { sizeBytes, sha256: hash.digest('hex') };
    },

    async *open(key, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      const found = stored.get(key);
      if (found === undefined) {
        throw new LadingError('blob_missing', `The bytes of ${key} are not on this device.`);
      }
      const last = Math.min(end, found.bytes.byteLength);
      for (let at = start; at < last; at += PIECE_BYTES) {
        yield found.bytes.slice(at, Math.min(last, at + PIECE_BYTES));
      }
    },

    async stat(key) {
      const found = stored.get(key);
      return found === undefined ? undefined : { sizeBytes: found.bytes.byteLength };
    },

    async hash(key) {
      const found = stored.get(key);
      if (found === undefined)
        throw new LadingError('blob_missing', `The bytes of ${key} are gone.`);
      return createHash('sha256').update(found.bytes).digest('hex');
    },

    digest: sha256Digest,

    async remove(key) {
      stored.delete(key);
    },

    async *list({ after = '' } = {}) {
      const sorted = [...stored].toSorted(([a], [b]) => (a < b ? -1 : 1));
      for (const [key, { bytes, modifiedAt }] of sorted) {
        if (key > after) yield { key, sizeBytes: bytes.byteLength, modifiedAt, temporary: false };
      }
    },

    sidecars: {
      async write(name, text) {
        requireName(name);
        sidecars.set(name, text);
      },
      async read(name) {
        requireName(name);
        return sidecars.get(name);
      },
      async remove(name) {
        requireName(name);
        sidecars.delete(name);
      },
      async *list(accountId) {
        for (const name of sidecars.keys()) {
          if (accountId === undefined || sidecarIds(name)?.accountId === accountId) yield name;
        }
      },
    },

    get keys() {
      return [...stored.keys()];
    },
    lose: (key) => void stored.delete(key),
    spoil: put,
  };
}

function requireName(name: SidecarName): void {
  if (sidecarIds(name) !== undefined) return;
  throw new LadingError(
    'invalid_id',
    'A sidecar needs a name made of ids: `sidecarName` makes it.',
  );
}

function requireKey(key: BlobKey): void {
  const bad = key.split('/').some((part) => part === '' || /^\.{1,2}$|[\p{Cc}\\:]/u.test(part));
  if (bad) throw new LadingError('invalid_id', 'A blob key must be a relative path made of ids.');
}
