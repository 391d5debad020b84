import type { webcrypto } from 'node:crypto';
import { LadingError } from '../../../ports/errors.ts';
import { LONGEST_KEY_ID } from './format.ts';

type Key = webcrypto.CryptoKey | Uint8Array;

/** An AES-GCM key with 256 bits: a `CryptoKey`, its 32 bytes, or a function that fetches one from where it is kept. */
export type BlobKeySource = Key | (() => Key | Promise<Key>);

/** Keys by id; asked for when they are first needed, and held as `CryptoKey`s that cannot be read out again. */
export interface KeyRing {
  /** @throws {LadingError} `blob_key_wrong` for an id that the app has no key for. */
  get(keyId: string): Promise<webcrypto.CryptoKey>;
}

/** @throws {LadingError} `invalid_option`. */
export function keyRing(sources: Readonly<Record<string, BlobKeySource>>): KeyRing {
  for (const keyId of Object.keys(sources)) requireKeyId(keyId);
  const loaded = new Map<string, Promise<webcrypto.CryptoKey>>();
  return {
    get(keyId) {
      const known = loaded.get(keyId);
      if (known !== undefined) return known;
      const source = Object.hasOwn(sources, keyId) ? sources[keyId] : undefined;
      if (source === undefined) return Promise.reject(wrongKey());
      const loading = load(source);
      loaded.set(keyId, loading);
      // A key store that was locked may be open at the next try.
      loading.catch(() => loaded.delete(keyId));
      return loading;
    },
  };
}

export function wrongKey(): LadingError {
  return new LadingError(
    'blob_key_wrong',
    'The stored bytes were encrypted with another key than the one given for them. Give that key too, among `oldKeys`.',
  );
}

async function load(source: BlobKeySource): Promise<webcrypto.CryptoKey> {
  const key = typeof source === 'function' ? await source() : source;
  if (!(key instanceof Uint8Array)) return requireCryptoKey(key);
  if (key.byteLength !== 32) throw badKey(`${key.byteLength} bytes`);
  return crypto.subtle.importKey('raw', key.slice(), 'AES-GCM', false, ['encrypt', 'decrypt']);
}

function requireCryptoKey(key: webcrypto.CryptoKey): webcrypto.CryptoKey {
  const { name, length } = key.algorithm as Partial<webcrypto.AesKeyAlgorithm>;
  if (name !== 'AES-GCM' || length !== 256) throw badKey(`${name} with ${length} bits`);
  return key;
}

function requireKeyId(keyId: string): void {
  if (/^[\x21-\x7e]+$/.test(keyId) && keyId.length <= LONGEST_KEY_ID) return;
  throw new LadingError(
    'invalid_option',
    `A key id has 1 to ${LONGEST_KEY_ID} visible ASCII characters; it is stored with each blob and no secret.`,
  );
}

function badKey(found: string): LadingError {
  return new LadingError(
    'invalid_option',
    `The key must be 32 bytes or an AES-GCM CryptoKey with 256 bits; this one is ${found}.`,
  );
}
