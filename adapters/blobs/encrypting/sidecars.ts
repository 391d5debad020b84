import type { BlobKey } from '../../../ports/blob-store.ts';
import type { SidecarName, SidecarStore } from '../../../ports/sidecars.ts';
import {
  chunkContext,
  corrupt,
  HEADER_BYTES,
  newIdentity,
  readHeader,
  seal,
  unseal,
} from './format.ts';
import { type KeyRing, wrongKey } from './keys.ts';

/**
 * Sidecars whose texts `inner` never sees: a header as blobs have it and one chunk, as base64. They are authenticated
 * with their names, so that none passes for another one, or for a blob.
 */
export function encryptingSidecars(
  inner: SidecarStore,
  keys: KeyRing,
  keyId: string,
): SidecarStore {
  return {
    async write(name, text) {
      const secret = await keys.get(keyId);
      const identity = newIdentity(keyId);
      const header = await seal(secret, new Uint8Array(), identity);
      const plain = new TextEncoder().encode(text);
      const body = await seal(secret, plain, contextOf(identity, name));
      await inner.write(name, Buffer.concat([identity, header, body]).toString('base64'));
    },

    async read(name) {
      const stored = await inner.read(name);
      if (stored === undefined) return undefined;
      const bytes = new Uint8Array(Buffer.from(stored, 'base64'));
      const header = readHeader(asKey(name), bytes.slice(0, HEADER_BYTES));
      const secret = await keys.get(header.keyId);
      if ((await unseal(secret, header.seal, header.identity)) === undefined) throw wrongKey();
      const body = bytes.slice(HEADER_BYTES);
      const plain = await unseal(secret, body, contextOf(header.identity, name));
      if (plain === undefined) throw corrupt(asKey(name));
      return new TextDecoder().decode(plain);
    },

    remove: (name, options) => inner.remove(name, options),
    list: (accountId) => inner.list(accountId),
  };
}

function contextOf(identity: Uint8Array, name: SidecarName): Uint8Array<ArrayBuffer> {
  return chunkContext(identity, asKey(name), 0, true);
}

/** No blob has such a key. */
function asKey(name: SidecarName): BlobKey {
  return `sidecar:${name}` as BlobKey;
}
