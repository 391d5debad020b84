import { createHash } from 'node:crypto';
import { directoryBlobs } from 'lading/blobs/directory';
import { type BlobKeySource, encryptingBlobs } from 'lading/blobs/encrypting';
import { type MemoryBlobs, memoryBlobs, seededRandom } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { type BlobKey, type BlobStore, blobKey } from '../../ports/blob-store.ts';
import { describeBlobStore } from '../../testing/contracts/blob-store.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { codeOf } from '../support/lading-world.ts';

const SECRET = Buffer.alloc(32, 'k');
const OTHER = Buffer.alloc(32, 'o');
const CHUNK = 64 * 1024;

describeBlobStore('encrypted, over a simulated disk', async () => {
  const disk = diskPort(new SimDisk({ random: seededRandom(1) }));
  const open = () => encryptingBlobs(directoryBlobs({ disk }), { key: SECRET });
  return { store: open(), reopen: open };
});

const key = blobKey('account-1', 'm1');
const elsewhere = blobKey('account-1', 'm2');
const PLAIN = pattern(3 * CHUNK + 1_000);

describe('contract 10.7: encryption at rest', () => {
  it('lets the inner store see nothing of the bytes, whatever their length', async () => {
    for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]) {
      const { inner, store } = parts();
      const bytes = Buffer.alloc(length, 'a planted canary ');
      const written = await store.write(key, pieces(bytes));
      expect(written).toEqual({ sizeBytes: length, sha256: sha256(bytes) });
      const stored = await collect(inner.open(key));
      expect(Buffer.from(stored).includes('planted')).toBe(false);
      expect(stored.byteLength).toBeGreaterThan(length);
      expect(await store.stat(key)).toEqual({ sizeBytes: length });
      expect(sha256(await collect(store.open(key)))).toBe(sha256(bytes));
      const [listed] = await all(store.list());
      expect(listed?.sizeBytes).toBe(length);
    }
  });

  it('encrypts equal bytes differently each time', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    await store.write(elsewhere, pieces(PLAIN));
    const [one, two] = [await collect(inner.open(key)), await collect(inner.open(elsewhere))];
    expect(sha256(one.slice(100))).not.toBe(sha256(two.slice(100)));
  });

  it('reads every range as the plain bytes have it', async () => {
    const { store } = parts();
    await store.write(key, pieces(PLAIN));
    const random = seededRandom(7);
    for (let round = 0; round < 40; round++) {
      const start = Math.floor(random.next() * PLAIN.byteLength);
      const end = start + Math.floor(random.next() * 2 * CHUNK);
      const read = await collect(store.open(key, { start, end }));
      expect(sha256(read)).toBe(sha256(PLAIN.subarray(start, end)));
    }
  });

  it('reads no byte that was changed, wherever it lies', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    const stored = await collect(inner.open(key));
    const found = new Set<string>();
    for (let at = 0; at < stored.byteLength; at += 4_999) {
      const damaged = Buffer.from(stored);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      inner.spoil(key, damaged);
      found.add(await readCode(store, key));
    }
    expect([...found].toSorted()).toEqual(['blob_corrupt']);
  });

  it('notices bytes that were cut at any place, also when only the beginning is read', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    const stored = await collect(inner.open(key));
    const header = stored.byteLength - PLAIN.byteLength - 4 * 28;
    const cuts = [0, 10, header, header + 1, ...[1, 2, 3].map((n) => header + n * (CHUNK + 28))];
    for (const cut of cuts) {
      inner.spoil(key, stored.slice(0, cut));
      expect([cut, await readCode(store, key)]).toEqual([cut, 'blob_corrupt']);
      expect([cut, await readCode(store, key, { end: 10 })]).toEqual([cut, 'blob_corrupt']);
      expect((await store.stat(key))?.sizeBytes).not.toBe(PLAIN.byteLength);
    }
  });

  it('notices chunks that changed their places, and blobs that did', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    await store.write(elsewhere, pieces(PLAIN));
    const stored = Buffer.from(await collect(inner.open(key)));
    const header = stored.byteLength - PLAIN.byteLength - 4 * 28;
    const chunk = (n: number): Buffer =>
      stored.subarray(header + n * (CHUNK + 28), header + (n + 1) * (CHUNK + 28));
    inner.spoil(
      key,
      Buffer.concat([stored.subarray(0, header), chunk(1), chunk(0), chunk(2), chunk(3)]),
    );
    expect(await readCode(store, key)).toBe('blob_corrupt');
    inner.spoil(elsewhere, stored);
    expect(await readCode(store, elsewhere)).toBe('blob_corrupt');
  });

  it('notices a chunk of an earlier version of the same blob', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    const before = Buffer.from(await collect(inner.open(key)));
    await store.write(key, pieces(pattern(PLAIN.byteLength, 9)));
    const after = Buffer.from(await collect(inner.open(key)));
    const end = after.byteLength - 1_000 - 28;
    inner.spoil(key, Buffer.concat([after.subarray(0, end), before.subarray(end)]));
    expect(await readCode(store, key)).toBe('blob_corrupt');
  });

  it('tells a wrong key from damaged bytes, and rotates keys by their ids', async () => {
    const { inner, store } = parts();
    await store.write(key, pieces(PLAIN));
    expect(await readCode(encryptingBlobs(inner, { key: OTHER }), key)).toBe('blob_key_wrong');
    const without = encryptingBlobs(inner, { key: OTHER, keyId: '2' });
    expect(await readCode(without, key)).toBe('blob_key_wrong');
    const rotated = encryptingBlobs(inner, { key: OTHER, keyId: '2', oldKeys: { '1': SECRET } });
    await rotated.write(elsewhere, pieces(PLAIN));
    expect(await readCode(rotated, key)).toBe('read');
    expect(await readCode(rotated, elsewhere)).toBe('read');
    expect(await readCode(store, elsewhere)).toBe('blob_key_wrong');
  });

  it('takes bytes, a CryptoKey, or what fetches them, and asks again after a failure', async () => {
    const crypto = globalThis.crypto.subtle;
    const imported = await crypto.importKey('raw', SECRET, 'AES-GCM', false, [
      'encrypt',
      'decrypt',
    ]);
    let locked = true;
    const fetched = async (): Promise<Uint8Array> => {
      if (locked) throw new Error('the keychain is locked');
      return SECRET;
    };
    const inner = memoryBlobs();
    await encryptingBlobs(inner, { key: SECRET }).write(key, pieces(PLAIN));
    expect(await readCode(encryptingBlobs(inner, { key: imported }), key)).toBe('read');
    const later = encryptingBlobs(inner, { key: fetched });
    expect(await readCode(later, key)).toContain('locked');
    locked = false;
    expect(await readCode(later, key)).toBe('read');
  });

  it('refuses keys that are too short, other algorithms, and key ids that could not be stored', async () => {
    const short: BlobKeySource = new Uint8Array(16);
    const store = encryptingBlobs(memoryBlobs(), { key: short });
    expect(await codeOf(store.write(key, pieces(PLAIN)))).toBe('invalid_option');
    const hmac = await globalThis.crypto.subtle.generateKey(
      { name: 'AES-CBC', length: 256 },
      false,
      ['encrypt'],
    );
    const wrong = encryptingBlobs(memoryBlobs(), { key: hmac });
    expect(await codeOf(wrong.write(key, pieces(PLAIN)))).toBe('invalid_option');
    for (const keyId of ['', 'ä', 'x'.repeat(33), 'a\nb']) {
      expect(() => encryptingBlobs(memoryBlobs(), { key: SECRET, keyId })).toThrow('key id');
    }
  });

  it('loses nothing acknowledged and shows nothing torn, wherever the power goes', async () => {
    const findings: string[] = [];
    for (let operation = 1; operation <= 60; operation++) {
      const disk = new SimDisk({ random: seededRandom(operation) });
      const cut = new Promise<SimDisk>((resolve) => {
        disk.cutAtOp(operation, resolve);
      });
      const acknowledged = new Set<BlobKey>();
      const store = encryptingBlobs(directoryBlobs({ disk: diskPort(disk) }), { key: SECRET });
      const work = (async () => {
        for (const one of [key, elsewhere, key]) {
          await store.write(one, pieces(PLAIN));
          acknowledged.add(one);
        }
      })();
      const after = await Promise.race([cut, work]);
      if (after === undefined) break;
      const again = encryptingBlobs(directoryBlobs({ disk: diskPort(after) }), { key: SECRET });
      for (const one of [key, elsewhere]) {
        const present = (await again.stat(one)) !== undefined;
        if (acknowledged.has(one) && !present) findings.push(`${operation}: lost`);
        if (present && (await readCode(again, one)) !== 'read') findings.push(`${operation}: torn`);
      }
    }
    expect(findings).toEqual([]);
  });
});

function parts(): { readonly inner: MemoryBlobs; readonly store: BlobStore } {
  const inner = memoryBlobs();
  return { inner, store: encryptingBlobs(inner, { key: SECRET }) };
}

/** `read` when it gives what was written; else the code of what it throws. */
async function readCode(
  store: BlobStore,
  from: BlobKey,
  range: { readonly start?: number; readonly end?: number } = {},
): Promise<string> {
  let read: Uint8Array = Buffer.alloc(0);
  const code = await codeOf(
    (async () => {
      read = await collect(store.open(from, range));
    })(),
  );
  if (code !== 'no error') return code;
  return sha256(read) === sha256(PLAIN.subarray(range.start, range.end)) ? 'read' : 'other bytes';
}

function pattern(length: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + seed + (at >> 8)) & 0xff));
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await all(source));
}

async function all<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const one of source) found.push(one);
  return found;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
