import type { webcrypto } from 'node:crypto';
import type { BlobKey } from '../../../ports/blob-store.ts';
import { LadingError } from '../../../ports/errors.ts';

/*
 * One encrypted blob: a header, then chunks of 64 KiB, each `nonce (12) · ciphertext · tag (16)`.
 *
 *   header   magic (4) · version (1) · length of the key id (1) · key id (32, padded) · blob id (16) · nonce (12) · tag (16)
 *   chunk    authenticated with: header without its seal · blob key · index · whether it is the last one
 *
 * Hence a chunk that was changed, left out, moved, or brought from another blob, another key or another time does not
 * decrypt; nor does a blob that ends early, since its last chunk does not say that it is the last one. The header has
 * a seal of its own, so that a wrong key is told from damaged bytes. All lengths follow from the stored size alone.
 *
 * Nonces are random: 2³² chunks, 256 TiB, may be written under one key (NIST SP 800-38D, 8.3).
 */

export const CHUNK_BYTES = 64 * 1024;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;
export const STORED_CHUNK_BYTES = CHUNK_BYTES + OVERHEAD_BYTES;

const MAGIC = [0x4c, 0x44, 0x47, 0x45] as const; // "LDGE"
const VERSION = 1;
export const LONGEST_KEY_ID = 32;
const IDENTITY_BYTES = 6 + LONGEST_KEY_ID + 16;
export const HEADER_BYTES = IDENTITY_BYTES + OVERHEAD_BYTES;

/** What a header says once its seal was checked, or before. */
export interface Header {
  readonly keyId: string;
  /** Everything of it but the seal: goes into the authentication of each chunk. */
  readonly identity: Uint8Array<ArrayBuffer>;
  readonly seal: Uint8Array<ArrayBuffer>;
}

export function newIdentity(keyId: string): Uint8Array<ArrayBuffer> {
  const id = new TextEncoder().encode(keyId);
  const identity = new Uint8Array(IDENTITY_BYTES);
  identity.set([...MAGIC, VERSION, id.byteLength]);
  identity.set(id, 6);
  crypto.getRandomValues(identity.subarray(6 + LONGEST_KEY_ID));
  return identity;
}

/** @throws {LadingError} `blob_corrupt` for what this store has not written. */
export function readHeader(key: BlobKey, bytes: Uint8Array): Header {
  const idLength = bytes[5] ?? 0;
  const ours =
    bytes.byteLength === HEADER_BYTES &&
    MAGIC.every((byte, index) => bytes[index] === byte) &&
    bytes[4] === VERSION &&
    idLength > 0 &&
    idLength <= LONGEST_KEY_ID;
  if (!ours) throw corrupt(key);
  return {
    keyId: new TextDecoder().decode(bytes.slice(6, 6 + idLength)),
    identity: bytes.slice(0, IDENTITY_BYTES),
    seal: bytes.slice(IDENTITY_BYTES),
  };
}

/** What is authenticated with chunk `index`: swapped or moved ciphertext does not fit. */
export function chunkContext(
  identity: Uint8Array,
  key: BlobKey,
  index: number,
  isLast: boolean,
): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(key);
  const context = new Uint8Array(identity.byteLength + 5 + name.byteLength);
  context.set(identity);
  new DataView(context.buffer).setUint32(identity.byteLength, index);
  context[identity.byteLength + 4] = isLast ? 1 : 0;
  context.set(name, identity.byteLength + 5);
  return context;
}

/** How many chunks and plain bytes a blob of this stored size has; undefined for a size that none can have. */
export function layoutOf(
  storedBytes: number,
): { readonly chunks: number; readonly sizeBytes: number } | undefined {
  const body = storedBytes - HEADER_BYTES;
  const chunks = Math.ceil(body / STORED_CHUNK_BYTES);
  const last = body - (chunks - 1) * STORED_CHUNK_BYTES;
  if (body < OVERHEAD_BYTES || last < OVERHEAD_BYTES) return undefined;
  return { chunks, sizeBytes: body - chunks * OVERHEAD_BYTES };
}

/** `nonce · ciphertext · tag`. */
export async function seal(
  key: webcrypto.CryptoKey,
  plain: Uint8Array<ArrayBuffer>,
  context: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(gcm(iv, context), key, plain);
  const stored = new Uint8Array(NONCE_BYTES + sealed.byteLength);
  stored.set(iv);
  stored.set(new Uint8Array(sealed), NONCE_BYTES);
  return stored;
}

/** Undefined when the bytes, the key or the context are not those it was sealed with. */
export async function unseal(
  key: webcrypto.CryptoKey,
  stored: Uint8Array<ArrayBuffer>,
  context: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array | undefined> {
  const iv = stored.slice(0, NONCE_BYTES);
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt(gcm(iv, context), key, stored.slice(NONCE_BYTES)),
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'OperationError') return undefined;
    throw error;
  }
}

export function corrupt(key: BlobKey): LadingError {
  return new LadingError(
    'blob_corrupt',
    `The stored bytes of ${key} were changed, cut or exchanged: they are not read. Fetch them again, if they are uploaded.`,
  );
}

function gcm(
  iv: Uint8Array<ArrayBuffer>,
  additionalData: Uint8Array<ArrayBuffer>,
): webcrypto.AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData, tagLength: TAG_BYTES * 8 };
}
