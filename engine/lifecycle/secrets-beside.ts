import type { Random } from '../../ports/random.ts';
import type { Secrets } from '../../ports/secrets.ts';

const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/**
 * Secrets under a key of their own, which lies in the same database: it keeps them out of rows, logs, exports and
 * reports, not from somebody who has the whole file. For that, give `secrets` to `openLading` (SECURITY.md).
 *
 * @param keep stores the key that is offered where there is none, and gives back the one that is stored.
 */
export async function secretsBeside(
  random: Random,
  keep: (offered: string) => Promise<string>,
): Promise<Secrets> {
  const { subtle } = globalThis.crypto;
  const raw = fromHex(await keep(toHex(random.bytes(KEY_BYTES))));
  const key = await subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  return {
    async seal(text) {
      const iv = Uint8Array.from(random.bytes(NONCE_BYTES));
      const plain = new TextEncoder().encode(text);
      const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, key, plain);
      return `${toHex(iv)}${toHex(new Uint8Array(sealed))}`;
    },
    async open(sealed) {
      const bytes = fromHex(sealed);
      const iv = bytes.slice(0, NONCE_BYTES);
      try {
        const plain = await subtle.decrypt({ name: 'AES-GCM', iv }, key, bytes.slice(NONCE_BYTES));
        return new TextDecoder().decode(plain);
      } catch {
        return null; // sealed under a key that is gone, or damaged: nothing else can be known of it
      }
    },
  };
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
