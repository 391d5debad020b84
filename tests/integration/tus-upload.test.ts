import { type TusRemoteOptions, tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LadingError } from '../../ports/errors.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import {
  content,
  type Engine,
  engine,
  sha256,
  type TusWorld,
  tusWorld,
  uploadRequest,
} from '../support/tus-world.ts';

const ID = 'account-1.media-1';
const CHUNK = 100_000;
const PHOTO = content(300_000);

let world: TusWorld;
let lent: Engine;
beforeEach(async () => {
  world = await tusWorld();
  lent = engine();
});
afterEach(() => world.dispose());

const remote = (options: Partial<TusRemoteOptions> = {}) =>
  tusRemote({ endpoint: world.endpoint, chunkSizeBytes: CHUNK, ...options });

const methods = () => world.server.seen.map((request) => request.method);

/** The server holds the photo once, byte for byte, and its bytes crossed the wire once. */
const expectOnce = async (resentBytes = 0): Promise<void> => {
  expect(await world.uploads()).toEqual([ID]);
  expect(sha256(await world.bytesOf(ID))).toBe(sha256(PHOTO));
  const headerBytes = 1500 * world.server.seen.length;
  expect(world.server.receivedBytes()).toBeLessThan(PHOTO.byteLength + resentBytes + headerBytes);
};

describe('an upload by tus', () => {
  it('ends with the object under its deterministic id, and a receipt that needs no more requests', async () => {
    const outcome = await remote().upload(uploadRequest(PHOTO), lent.run());
    const url = `${world.endpoint}/${ID}`;
    expect(outcome).toEqual({ ok: true, receipt: { url, token: url, byteSize: 300_000 } });
    expect(methods().join(' ')).toBe('POST PATCH PATCH PATCH');
    await expectOnce();
    expect(lent.progress).toEqual(lent.progress.toSorted((a, b) => a - b));
    expect(lent.progress.at(-1)).toBe(300_000);
  });

  it('says how far the server is, as the server says it: where a run begins, and after each request', async () => {
    world.server.plan({
      method: 'PATCH',
      after: 1,
      answer: { status: 503, headers: { 'Tus-Resumable': '1.0.0' } },
    });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: false });
    expect(lent.confirmed).toEqual([100_000]);
    await remote().upload(uploadRequest(PHOTO), lent.run());
    expect(lent.confirmed).toEqual([100_000, 100_000, 200_000, 300_000]);
  });

  it('sends all in one request without a chunk size, with its length', async () => {
    const whole = tusRemote({ endpoint: world.endpoint });
    expect(await whole.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    const patches = world.server.seen.filter((request) => request.method === 'PATCH');
    expect(patches.map((patch) => patch.headers['content-length'])).toEqual(['300000']);
    await expectOnce();
  });

  it('uploads zero bytes as an object', async () => {
    const outcome = await remote().upload(uploadRequest(content(0)), lent.run());
    expect(outcome).toMatchObject({ ok: true, receipt: { byteSize: 0 } });
    expect(world.server.count('PATCH')).toBe(0);
    expect(await world.uploads()).toEqual([ID]);
  });

  it('keeps two files with equal length and equal first 64 KiB apart (field case 54)', async () => {
    const other = Buffer.from(PHOTO);
    other[200_000] = (other[200_000] ?? 0) ^ 1;
    await remote().upload(uploadRequest(PHOTO, 'a'), lent.run());
    await remote().upload(uploadRequest(other, 'b'), engine().run());
    expect(sha256(await world.bytesOf('account-1.a'))).toBe(sha256(PHOTO));
    expect(sha256(await world.bytesOf('account-1.b'))).toBe(sha256(other));
  });

  it('asks for its headers before every request, and never lets them break the protocol', async () => {
    let asked = 0;
    const headers = (): Record<string, string> => ({
      Authorization: `Bearer ${++asked}`,
      'Upload-Offset': '7',
    });
    expect(await remote({ headers }).upload(uploadRequest(PHOTO), lent.run())).toMatchObject({
      ok: true,
    });
    const tokens = world.server.seen.map((request) => request.headers['authorization']);
    expect(tokens.join(', ')).toBe('Bearer 1, Bearer 2, Bearer 3, Bearer 4');
  });

  it('reads no further ahead than the sockets take, so that memory stays bounded (field case 46)', async () => {
    const size = 400_000_000;
    const piece = content(1_000_000);
    let readBytes = 0;
    const base = uploadRequest(PHOTO);
    const huge = {
      ...base,
      media: { ...base.media, byteSize: size },
      async *open() {
        for (; readBytes < size; readBytes += piece.byteLength) yield piece;
      },
    };
    const clock = virtualClock();
    world.server.plan({ method: 'PATCH', act: 'hang' });
    const hit = world.server.hit();
    const whole = tusRemote({ endpoint: world.endpoint, clock });
    const outcome = whole.upload(huge, lent.run());
    await hit;
    for (let before = -1; before < readBytes; ) {
      before = readBytes;
      await fetch(world.endpoint, { method: 'OPTIONS' }); // as long as a request takes
    }
    await clock.advanceBy(30_000);
    expect(await outcome).toMatchObject({ code: 'stalled' });
    expect(readBytes).toBeLessThan(size / 10);
  });

  it('leaves the url to a locator where the app has one', async () => {
    const locator = ({ objectKey }: { readonly objectKey: string }) => `https://cdn/${objectKey}`;
    expect(await remote({ locator }).upload(uploadRequest(PHOTO), lent.run())).toMatchObject({
      receipt: { url: 'https://cdn/account-1/media-1' },
    });
  });

  it('waits for a locator no longer than for a silent server, and meets its upload the next time', async () => {
    const clock = virtualClock();
    const asked = Promise.withResolvers<void>();
    const locator = () => {
      asked.resolve();
      return new Promise<string>(() => {});
    };
    const outcome = remote({ clock, locator }).upload(uploadRequest(PHOTO), lent.run());
    await asked.promise;
    await clock.advanceBy(30_000);
    expect(await outcome).toMatchObject({ class: 'retryable', code: 'stalled' });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    await expectOnce();
  });

  it('that is asked for its locator in vain may be asked again, by a look too', async () => {
    const locator = () => Promise.reject(new Error('CANARY'));
    const failed = { class: 'retryable', code: 'address_failed' };
    const outcome = await remote({ locator }).upload(uploadRequest(PHOTO), lent.run());
    expect(outcome).toMatchObject(failed);
    const handle = lent.handles.at(-1) ?? null;
    const { signal } = new AbortController();
    const looked = await remote({ locator }).head(uploadRequest(PHOTO).objectKey, {
      handle,
      signal,
    });
    expect(looked).toMatchObject(failed);
    expect(JSON.stringify([outcome, looked])).not.toContain('CANARY');
  });
});

describe('an upload by tus that is interrupted', () => {
  it('goes on at the byte where the server stood, and sends nothing twice', async () => {
    world.server.plan({ method: 'PATCH', after: 1, answer: { status: 503 } });
    await remote().upload(uploadRequest(PHOTO), lent.run());
    const before = world.server.seen.length;
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    const resumed = world.server.seen.slice(before);
    expect(resumed.map((request) => request.method)).toEqual(['HEAD', 'PATCH', 'PATCH']);
    expect(resumed[1]?.headers['upload-offset']).toBe('100000');
    await expectOnce(CHUNK); // the refused request carried one chunk
  });

  it('goes on after a connection that broke within a request', async () => {
    world.server.plan({ method: 'PATCH', act: 'reset', afterBytes: 150_000 });
    const whole = tusRemote({ endpoint: world.endpoint });
    expect(await whole.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({
      class: 'retryable',
      code: 'network',
    });
    expect(await whole.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    expect(world.server.count('POST')).toBe(1);
    await expectOnce(150_000);
  });

  it('creates nothing twice when the reply to the creation was lost (field case 19)', async () => {
    world.server.plan({ method: 'POST', act: 'lose-reply' });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: false });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    await expectOnce();
  });

  it('meets its earlier self when the server refuses to create it again (contract 4.2, field case 22)', async () => {
    world.server.plan({ method: 'POST', act: 'lose-reply' });
    await remote().upload(uploadRequest(PHOTO), lent.run());
    const unaware = lent.run({ rerun: false });
    expect(await remote().upload(uploadRequest(PHOTO), unaware)).toMatchObject({ ok: true });
    expect(world.server.count('POST')).toBe(2);
    await expectOnce();
  });

  it.each([{ rerun: true }, { rerun: false }])(
    'sends no byte again when the reply to the last one was lost, %j (field case 19)',
    async (options) => {
      world.server.plan({ method: 'PATCH', after: 2, act: 'lose-reply' });
      expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: false });
      const patches = world.server.count('PATCH');
      const context = lent.run({ handle: null, ...options });
      expect(await remote().upload(uploadRequest(PHOTO), context)).toMatchObject({ ok: true });
      expect(world.server.count('PATCH')).toBe(patches);
      await expectOnce();
    },
  );

  it('begins again, once, when the server forgot the upload', async () => {
    world.server.plan({ method: 'PATCH', after: 1, answer: { status: 503 } });
    await remote().upload(uploadRequest(PHOTO), lent.run());
    await remote().remove(uploadRequest(PHOTO).objectKey, {
      handle: null,
      signal: new AbortController().signal,
    });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    await expectOnce(2 * CHUNK);
  });

  it('never contacts a handle of another origin, and begins again here (contract 10.3)', async () => {
    const context = lent.run({ handle: 'http://127.0.0.1:1/files/x', rerun: true });
    expect(await remote().upload(uploadRequest(PHOTO), context)).toMatchObject({ ok: true });
    await expectOnce();
  });

  it('refuses an id under which the server has other content', async () => {
    await remote().upload(uploadRequest(content(300_000, 9)), engine().run());
    for (const bytes of [PHOTO, content(10)]) {
      expect(await remote().upload(uploadRequest(bytes), engine().run())).toMatchObject({
        class: 'terminal',
        code: 'other_content',
      });
    }
    expect(sha256(await world.bytesOf(ID))).toBe(sha256(content(300_000, 9)));
  });

  it('stops when aborted within a request, keeps the server half, and goes on later', async () => {
    const abort = new AbortController();
    const context = lent.run({
      signal: abort.signal,
      onProgress: (sentBytes) => {
        if (sentBytes > CHUNK) abort.abort();
      },
    });
    expect(await remote().upload(uploadRequest(PHOTO), context)).toMatchObject({ code: 'aborted' });
    const requests = world.server.seen.length;
    expect(world.server.count('DELETE')).toBe(0);
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    const later = world.server.seen.slice(requests).map(({ method }) => method);
    // What was on its way when it was given up may arrive since.
    expect(later[0] === 'PATCH' ? later[1] : later[0]).toBe('HEAD');
    expect(world.server.count('POST')).toBe(1);
    await expectOnce(CHUNK);
  });

  it.each(['POST', 'PATCH', 'HEAD'])(
    'notices after 30 silent seconds that %s hangs (field case 34)',
    async (method) => {
      const clock = virtualClock();
      if (method === 'HEAD') {
        world.server.plan({ method: 'PATCH', act: 'reset' });
        await remote().upload(uploadRequest(PHOTO), lent.run());
      }
      world.server.plan({ method, act: 'hang' });
      const hit = world.server.hit();
      const run = remote({ clock }).upload(uploadRequest(PHOTO), lent.run());
      await hit;
      // What is sent meanwhile is a sign of life too: wait on until the last one is 30 s ago.
      let outcome: unknown;
      const noted = run.then((value) => {
        outcome = value;
        return value;
      });
      while (outcome === undefined) {
        await clock.advanceBy(30_000);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      expect(await noted).toMatchObject({ class: 'retryable', code: 'stalled' });
      expect(clock.pending).toBe(0);
      expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
      await expectOnce(2 * CHUNK);
    },
  );
});

describe('bytes that are not as promised', () => {
  it.each([
    ['fewer', 250_000],
    ['more', 350_000],
  ])(
    'ends when the source gives %s bytes than it has, instead of going on for ever',
    async (_, size) => {
      const wrong = { ...uploadRequest(PHOTO), open: () => uploadRequest(content(size)).open() };
      const outcome = await tusRemote({ endpoint: world.endpoint }).upload(wrong, lent.run());
      expect(outcome).toMatchObject({ class: 'terminal', code: 'source_changed' });
    },
  );

  it('tells a missing blob from one that can not be read now', async () => {
    const failing = (error: Error) => ({
      ...uploadRequest(PHOTO),
      async *open(): AsyncIterable<Uint8Array> {
        yield PHOTO.subarray(0, 10);
        throw error;
      },
    });
    const missing = failing(new LadingError('blob_missing', 'gone'));
    expect(await remote().upload(missing, lent.run())).toMatchObject({
      class: 'terminal',
      code: 'source_missing',
    });
    expect(await remote().upload(failing(new Error('EIO')), lent.run())).toMatchObject({
      class: 'retryable',
      code: 'source_unreadable',
    });
  });
});
