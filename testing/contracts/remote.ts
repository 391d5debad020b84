import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectKey, Remote, UploadContext, UploadRequest } from '../../ports/remote.ts';
import { objectKey } from '../../ports/remote.ts';

export interface RemoteSetup {
  readonly remote: Remote;
  /** Every completed object that stands for `key`, read from behind the remote's back. */
  stored(key: ObjectKey): Promise<readonly Uint8Array[]>;
  /** Makes the next upload break when some of its bytes have arrived. */
  breakNextUpload(): void;
  /** Makes the answer that completes the next upload get lost, after the remote did its work. */
  loseNextCompletion(): void;
  dispose?(): Promise<void>;
}

/**
 * What every {@link Remote} keeps, whatever its protocol. Call it in a test file of its own, with a setup that makes
 * a fresh, empty remote; see {@link RemoteSetup} for the two failures that it must be able to provoke.
 */
export function remoteContract(name: string, setup: () => Promise<RemoteSetup>): void {
  describe(`remote contract: ${name}`, () => {
    let world: RemoteSetup;
    let remote: Remote;
    const never = new AbortController().signal;
    const key = objectKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
    const bytes = pattern(200_000);
    const look = { handle: null, signal: never };

    beforeEach(async () => {
      world = await setup();
      remote = world.remote;
    });
    afterEach(() => world.dispose?.());

    /** One attachment's runs: each knows the handle that the one before reported. */
    const runs = () => {
      const known: { handle: string | null; count: number } = { handle: null, count: 0 };
      return (of: ObjectKey = key, body = bytes, options: Partial<UploadContext> = {}) =>
        remote.upload(requestOf(of, body), {
          idempotencyKey: of,
          signal: never,
          handle: known.handle,
          rerun: known.count++ > 0,
          async opened(handle) {
            known.handle = handle;
          },
          checkpoint: { load: async () => null, save: async () => {} },
          onProgress: () => {},
          ...options,
        });
    };
    const expectOne = async (): Promise<void> => {
      const stored = await world.stored(key);
      expect(stored.map(sha256)).toEqual([sha256(bytes)]);
    };

    it('stores the bytes as one object and proves it by a receipt', async () => {
      expect(await runs()()).toMatchObject({ ok: true, receipt: { byteSize: 200_000 } });
      await expectOne();
      const found = await remote.head(key, look);
      expect(found).toMatchObject({ ok: true, exists: true, byteSize: 200_000 });
    });

    it('stores zero bytes as an object', async () => {
      expect(await runs()(key, new Uint8Array())).toMatchObject({ ok: true });
      expect(await remote.head(key, look)).toMatchObject({ exists: true, byteSize: 0 });
    });

    it('reports progress that never goes back nor past the end', async () => {
      const told: number[] = [];
      await runs()(key, bytes, { onProgress: (sent) => told.push(sent) });
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      expect(Math.max(0, ...told)).toBeLessThanOrEqual(200_000);
    });

    it('ends with one object when the same upload runs again (contract 4.2)', async () => {
      const run = runs();
      await run();
      expect(await run()).toMatchObject({ ok: true });
      expect(await runs()(key, bytes, { rerun: true })).toMatchObject({ ok: true });
      await expectOne();
    });

    it('says of an upload that broke that there is no object, and completes it in the next run', async () => {
      const run = runs();
      world.breakNextUpload();
      expect(await run()).toMatchObject({ ok: false, class: 'retryable' });
      expect(await remote.head(key, look)).toEqual({ ok: true, exists: false });
      expect(await run()).toMatchObject({ ok: true });
      await expectOne();
    });

    it('ends with one object when the answer was lost, with and without a handle (field case 19)', async () => {
      const run = runs();
      world.loseNextCompletion();
      expect(await run()).toMatchObject({ ok: false, class: 'retryable' });
      expect(await run(key, bytes, { handle: null })).toMatchObject({ ok: true });
      expect(await run()).toMatchObject({ ok: true });
      await expectOne();
    });

    it('stores nothing when the run was aborted before it began', async () => {
      const signal = AbortSignal.abort();
      expect(await runs()(key, bytes, { signal })).toMatchObject({ ok: false });
      expect(await world.stored(key)).toEqual([]);
      expect(await remote.head(key, look)).toEqual({ ok: true, exists: false });
    });

    it('gives the bytes back, whole and from any position', async () => {
      await runs()();
      const found = await remote.head(key, look);
      const url = found.ok && found.exists ? found.url : '';
      for (const start of [undefined, 0, 1, 123_456, 199_999]) {
        const options = start === undefined ? { signal: never } : { start, signal: never };
        const download = await remote.download(url, options);
        const got = download.ok ? await collect(download.body) : new Uint8Array();
        expect(sha256(got)).toBe(sha256(bytes.slice(start ?? 0)));
      }
    });

    it('answers the download of a missing object as absent', async () => {
      await runs()();
      const found = await remote.head(key, look);
      await remote.remove(key, look);
      const url = found.ok && found.exists ? found.url : '';
      expect(await remote.download(url, { signal: never })).toMatchObject({ class: 'absent' });
    });

    it('downloads from no origin but its own (contract 10.3)', async () => {
      for (const url of ['http://198.51.100.1/x', 'file:///etc/passwd', 'nonsense']) {
        expect(await remote.download(url, { signal: never })).toMatchObject({ class: 'terminal' });
      }
    });

    it('removes an object, an unfinished one too, and takes a missing one for success', async () => {
      const run = runs();
      expect(await remote.remove(key, look)).toEqual({ ok: true });
      world.breakNextUpload();
      await run();
      expect(await remote.remove(key, look)).toEqual({ ok: true });
      await runs()();
      expect(await remote.remove(key, look)).toEqual({ ok: true });
      expect(await remote.head(key, look)).toEqual({ ok: true, exists: false });
      expect(await world.stored(key)).toEqual([]);
    });

    it('can store again what was removed', async () => {
      const run = runs();
      await run();
      await remote.remove(key, look);
      expect(await run()).toMatchObject({ ok: true });
      await expectOne();
    });

    it('keeps the objects of different keys apart, however the ids are written', async () => {
      const pairs = ['a b', 'a/b', 'a%2Fb', 'A/B', 'ä', '..'].map((id) => objectKey(id, 'media-1'));
      for (const [index, one] of pairs.entries()) await runs()(one, pattern(100 + index));
      for (const [index, one] of pairs.entries()) {
        expect(await remote.head(one, look)).toMatchObject({ exists: true, byteSize: 100 + index });
      }
    });
  });
}

function requestOf(key: ObjectKey, bytes: Uint8Array): UploadRequest {
  return {
    objectKey: key,
    media: {
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: bytes.byteLength,
      sha256: sha256(bytes),
      filename: 'a name that goes nowhere.jpg',
    },
    async *open({ start = 0, end = bytes.byteLength } = {}) {
      for (let at = start; at < end; at += 50_000) {
        yield bytes.slice(at, Math.min(end, at + 50_000));
      }
    },
  };
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7) & 0xff);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
