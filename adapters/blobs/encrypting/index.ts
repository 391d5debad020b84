/** Bytes encrypted at rest, over any blob store: `lading/blobs/encrypting` (contract 10.7). */
import { createHash, type webcrypto } from 'node:crypto';
import type { BlobKey, BlobStore } from '../../../ports/blob-store.ts';
import { LadingError } from '../../../ports/errors.ts';
import { sha256Digest } from '../sha256-digest.ts';
import {
  CHUNK_BYTES,
  chunkContext,
  corrupt,
  HEADER_BYTES,
  type Header,
  layoutOf,
  newIdentity,
  readHeader,
  STORED_CHUNK_BYTES,
  seal,
  unseal,
} from './format.ts';
import { type BlobKeySource, keyRing, wrongKey } from './keys.ts';
import { encryptingSidecars } from './sidecars.ts';

export type { BlobKeySource } from './keys.ts';

export interface EncryptingBlobsOptions {
  /** Encrypts what is written from now on. Keep it where the system keeps secrets; without it the bytes are lost. */
  readonly key: BlobKeySource;
  /** Names `key` in what it encrypted, so that it can be changed later; no secret. Default `"1"`. */
  readonly keyId?: string;
  /** Keys of earlier times by their ids: still read, never written with. */
  readonly oldKeys?: Readonly<Record<string, BlobKeySource>>;
}

/**
 * A blob store whose bytes are encrypted and authenticated with AES-256-GCM before `inner` sees them, chunk by chunk,
 * so that nothing is ever whole in memory and ranges can be read. Sizes and hashes are those of the plain bytes.
 * Changed, cut, moved or exchanged bytes are `blob_corrupt`; another key is `blob_key_wrong`.
 *
 * Names, times and lengths of blobs and of sidecars are not hidden, and blobs that were stored without it are not read by it: begin
 * with an empty store. The database is not encrypted by this: see SECURITY.md.
 *
 * @throws {LadingError} `invalid_option`.
 * @example
 * ```ts
 * const blobs = encryptingBlobs(directoryBlobs({ directory: 'attachments' }), {
 *   key: async () => Buffer.from(await keychain.read('lading-blobs'), 'base64'),
 * })
 * ```
 */
export function encryptingBlobs(inner: BlobStore, options: EncryptingBlobsOptions): BlobStore {
  const { keyId = '1' } = options;
  const keys = keyRing({ ...options.oldKeys, [keyId]: options.key });

  async function* encrypted(key: BlobKey, chunks: AsyncIterable<Chunk>): AsyncIterable<Uint8Array> {
    const secret = await keys.get(keyId);
    const identity = newIdentity(keyId);
    yield joined(identity, await seal(secret, NOTHING, identity));
    let index = 0;
    for await (const { bytes, isLast } of chunks) {
      yield await seal(secret, bytes, chunkContext(identity, key, index++, isLast));
    }
  }

  async function openHeader(
    key: BlobKey,
  ): Promise<Header & { readonly secret: webcrypto.CryptoKey }> {
    const header = readHeader(key, await collect(inner.open(key, { start: 0, end: HEADER_BYTES })));
    const secret = await keys.get(header.keyId);
    if ((await unseal(secret, header.seal, header.identity)) === undefined) throw wrongKey();
    return { ...header, secret };
  }

  const blobs: BlobStore = {
    async write(key, source, { signal, maxBytes } = {}) {
      const seen = { sizeBytes: 0, hash: createHash('sha256') };
      const plain = counted(source, seen, maxBytes);
      await inner.write(
        key,
        encrypted(key, chunked(plain)),
        signal === undefined ? {} : { signal },
      );
      return { sizeBytes: seen.sizeBytes, sha256: seen.hash.digest('hex') };
    },

    async *open(key, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      const found = await inner.stat(key);
      const header = await openHeader(key);
      const layout = layoutOf(found?.sizeBytes ?? 0);
      if (layout === undefined) throw corrupt(key);
      const { chunks, sizeBytes } = layout;
      const stop = Math.min(end, sizeBytes);
      const first = Math.floor(start / CHUNK_BYTES);
      const last = Math.min(chunks - 1, Math.floor((stop - 1) / CHUNK_BYTES));
      const open = async (stored: Uint8Array<ArrayBuffer>, index: number): Promise<Uint8Array> => {
        const context = chunkContext(header.identity, key, index, index === chunks - 1);
        const plain = await unseal(header.secret, stored, context);
        if (plain === undefined) throw corrupt(key);
        return plain;
      };
      // What ends early is told at any read, also of its beginning: only the true last chunk says that it is one.
      if (last < chunks - 1 || stop <= start) {
        await open(await collect(inner.open(key, placeOf(chunks - 1))), chunks - 1);
      }
      if (stop <= start) return;
      const range = { start: placeOf(first).start, end: placeOf(last).end };
      let index = first;
      for await (const stored of pieces(inner.open(key, range), STORED_CHUNK_BYTES)) {
        const plain = await open(stored, index);
        const from = index * CHUNK_BYTES;
        const kept = plain.subarray(Math.max(0, start - from), Math.max(0, stop - from));
        index += 1;
        if (kept.byteLength > 0) yield kept;
      }
      if (index !== last + 1) throw corrupt(key);
    },

    async stat(key) {
      const found = await inner.stat(key);
      // A length that no blob can have is no blob's: the engine sees another size than was captured.
      return found && { sizeBytes: layoutOf(found.sizeBytes)?.sizeBytes ?? 0 };
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

    remove: (key) => inner.remove(key),

    async *list(from) {
      for await (const blob of inner.list(from)) {
        yield { ...blob, sizeBytes: layoutOf(blob.sizeBytes)?.sizeBytes ?? 0 };
      }
    },

    ...(inner.sidecars === undefined
      ? {}
      : { sidecars: encryptingSidecars(inner.sidecars, keys, keyId) }),
  };
  return blobs;
}

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLast: boolean;
}

const NOTHING = new Uint8Array();

function placeOf(index: number): { readonly start: number; readonly end: number } {
  const start = HEADER_BYTES + index * STORED_CHUNK_BYTES;
  return { start, end: start + STORED_CHUNK_BYTES };
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  seen: { sizeBytes: number; readonly hash: ReturnType<typeof createHash> },
  maxBytes = Number.POSITIVE_INFINITY,
): AsyncIterable<Uint8Array> {
  for await (const bytes of source) {
    seen.sizeBytes += bytes.byteLength;
    if (seen.sizeBytes > maxBytes) {
      const message = `File too large. Maximum size is ${maxBytes} bytes.`;
      throw new LadingError('file_too_large', message, { details: { maxBytes } });
    }
    seen.hash.update(bytes);
    yield bytes;
  }
}

/** Chunks of full size, and a last one that may be shorter, or empty where there is nothing at all. */
async function* chunked(source: AsyncIterable<Uint8Array>): AsyncIterable<Chunk> {
  let held: Uint8Array<ArrayBuffer> | undefined;
  for await (const bytes of pieces(source, CHUNK_BYTES)) {
    if (held !== undefined) yield { bytes: held, isLast: false };
    held = bytes;
  }
  yield { bytes: held ?? NOTHING, isLast: true };
}

/** The same bytes in pieces of `size`, the last one what is left. */
async function* pieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(size);
  let filled = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.byteLength; ) {
      const taken = bytes.subarray(at, at + size - filled);
      piece.set(taken, filled);
      filled += taken.byteLength;
      at += taken.byteLength;
      if (filled < size) continue;
      yield piece;
      piece = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.slice(0, filled);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  let all = new Uint8Array();
  for await (const bytes of source) all = joined(all, bytes);
  return all;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.byteLength + second.byteLength);
  both.set(first);
  both.set(second, first.byteLength);
  return both;
}
