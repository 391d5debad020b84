import { type TusRemoteOptions, tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const PHOTO = content(300_000);
const TUS = { 'Tus-Resumable': '1.0.0' };

let world: TusWorld;
let lent: Engine;
afterEach(() => world.dispose());

const remote = (options: Partial<TusRemoteOptions> = {}) =>
  tusRemote({ endpoint: world.endpoint, ...options });
const methods = (from = 0) => world.server.seen.slice(from).map(({ method }) => method);

describe('a small file on a server with our hooks', () => {
  const ID = 'account-1.media-1';
  beforeEach(async () => {
    world = await tusWorld();
    lent = engine();
  });

  const expectOnce = async (): Promise<void> => {
    expect(await world.uploads()).toEqual([ID]);
    expect(sha256(await world.bytesOf(ID))).toBe(sha256(PHOTO));
  };

  it('is one request, and no handle, when the hooks are told of', async () => {
    const outcome = await remote({ hooks: true }).upload(uploadRequest(PHOTO), lent.run());
    const url = `${world.endpoint}/${ID}`;
    expect(outcome).toEqual({ ok: true, receipt: { url, token: url, byteSize: 300_000 } });
    expect(methods()).toEqual(['POST']);
    expect(lent.handles).toEqual([]);
    await expectOnce();
  });

  it('is one request from the second file on, when they are learnt from the place of the first', async () => {
    const same = remote();
    await same.upload(uploadRequest(PHOTO), lent.run());
    expect(methods()).toEqual(['POST', 'PATCH']);
    expect(lent.handles).toEqual([]);
    await same.upload(uploadRequest(PHOTO, 'b'), engine().run());
    expect(methods(2)).toEqual(['POST']);
    expect(sha256(await world.bytesOf('account-1.b'))).toBe(sha256(PHOTO));
  });

  it('is created before its bytes are sent, where it is above the limit, and where hooks are denied', async () => {
    await remote({ hooks: true, singleRequestBytes: 299_999 }).upload(
      uploadRequest(PHOTO),
      lent.run(),
    );
    await remote({ hooks: false }).upload(uploadRequest(PHOTO, 'b'), engine().run());
    expect(methods()).toEqual(['POST', 'PATCH', 'POST', 'PATCH']);
  });

  it.each([{ rerun: true }, { rerun: false }])(
    'is sent once when the reply was lost, %j (field case 19)',
    async (options) => {
      world.server.plan({ method: 'POST', act: 'lose-reply' });
      const hooked = remote({ hooks: true });
      const lost = await hooked.upload(uploadRequest(PHOTO), lent.run());
      expect(lost).toMatchObject({ class: 'retryable', code: 'network' });
      const again = await hooked.upload(uploadRequest(PHOTO), lent.run(options));
      expect(again).toMatchObject({ ok: true });
      expect(world.server.count('PATCH')).toBe(0);
      await expectOnce();
    },
  );

  it('goes on where the server stood when the connection broke within it', async () => {
    world.server.plan({ method: 'POST', act: 'reset', afterBytes: 150_000 });
    const hooked = remote({ hooks: true });
    expect(await hooked.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: false });
    expect(await hooked.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    expect(world.server.count('PATCH')).toBe(1);
    await expectOnce();
  });

  it('goes on with the rest where the server took a part, and asks nothing more', async () => {
    const hooked = remote({ hooks: true, chunkSizeBytes: 100_000 });
    expect(await hooked.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    expect(methods()).toEqual(['POST', 'PATCH', 'PATCH']);
    await expectOnce();
  });

  it('is removed without a handle, whole or half', async () => {
    const hooked = remote({ hooks: true });
    const look = { handle: null, signal: new AbortController().signal };
    world.server.plan({ method: 'POST', act: 'reset', afterBytes: 150_000 });
    await hooked.upload(uploadRequest(PHOTO), lent.run());
    await hooked.upload(uploadRequest(PHOTO, 'b'), engine().run());
    expect(await world.uploads()).toHaveLength(2);
    expect(await hooked.remove(uploadRequest(PHOTO).objectKey, look)).toEqual({ ok: true });
    expect(await hooked.remove(uploadRequest(PHOTO, 'b').objectKey, look)).toEqual({ ok: true });
    expect(await world.uploads()).toEqual([]);
  });

  it.each([
    ['a lie', '300000', 'incomplete'],
    ['less', '0', 'bad_offset'],
    ['more', '300001', 'bad_offset'],
    ['nonsense', 'x', 'bad_offset'],
  ])('is not complete when the answer to its creation says %s', async (_, offset, code) => {
    await remote().upload(uploadRequest(PHOTO), lent.run());
    const answer = {
      status: 204,
      headers: { ...TUS, 'Upload-Offset': offset, Location: `/files/account-1.b` },
    };
    // A part was sent; the server tells of all of it.
    const hooked = remote({ hooks: true, chunkSizeBytes: 100_000 });
    world.server.plan({ method: 'POST', answer });
    const head = {
      status: 200,
      headers: { ...TUS, 'Upload-Offset': '100000', 'Upload-Length': '300000' },
    };
    if (code === 'incomplete') {
      world.server.plan({ method: 'POST', answer }, { method: 'HEAD', answer: head });
    }
    const outcome = await hooked.upload(uploadRequest(PHOTO, 'b'), engine().run());
    expect(outcome).toMatchObject({ class: 'retryable', code });
  });

  it('comes to a server that leaves its bytes alone by a second request, and others then do so at once', async () => {
    const plain = await tusWorld();
    try {
      // A server of the protocol's core: it knows no creation with bytes.
      const server = await createOnly(plain);
      const hooked = tusRemote({ endpoint: `${server.origin}/files`, hooks: true });
      expect(await hooked.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
      expect(server.methods.splice(0)).toEqual(['POST', 'HEAD', 'PATCH']);
      expect(await hooked.upload(uploadRequest(PHOTO, 'b'), engine().run())).toMatchObject({
        ok: true,
      });
      expect(server.methods).toEqual(['POST', 'PATCH']);
      await server.close();
    } finally {
      await plain.dispose();
    }
  });
});

describe('a stock server, which names uploads itself', () => {
  beforeEach(async () => {
    world = await tusWorld({ stock: true });
    lent = engine();
  });

  it('is never sent bytes with a creation, however small they are', async () => {
    const same = remote();
    for (const id of ['a', 'b']) await same.upload(uploadRequest(PHOTO, id), engine().run());
    expect(methods()).toEqual(['POST', 'PATCH', 'POST', 'PATCH']);
  });

  it('is sent no second copy when it took the place of one with hooks, and its first answer was lost', async () => {
    const same = remote();
    const headers = { ...TUS, Location: '/files/account-1.a' };
    const taken = { ...TUS, 'Upload-Offset': String(PHOTO.length) };
    world.server.plan(
      { method: 'POST', answer: { status: 201, headers } },
      { method: 'PATCH', answer: { status: 204, headers: taken } },
    );
    expect(await same.upload(uploadRequest(PHOTO, 'a'), engine().run())).toMatchObject({
      ok: true,
    });
    const before = world.server.seen.length;
    world.server.plan({ method: 'POST', act: 'lose-reply', times: 2 });
    for (const ok of [false, false, true]) {
      expect(await same.upload(uploadRequest(PHOTO, 'b'), lent.run())).toMatchObject({ ok });
    }
    const posts = world.server.seen.slice(before).filter(({ method }) => method === 'POST');
    expect(posts.map(({ takenBytes }) => takenBytes)).toEqual([PHOTO.length, 0, 0]);
  });

  it('is sent no byte before the handle is durable, however long that takes', async () => {
    const clock = virtualClock();
    const sentMeanwhile: number[] = [];
    const context = lent.run({
      async opened() {
        await clock.advanceBy(3_600_000); // a slow disk is no stall of the network
        await fetch(world.endpoint, { method: 'OPTIONS' }); // time enough for a request to arrive
        sentMeanwhile.push(world.server.count('PATCH'));
      },
    });
    expect(await remote({ clock }).upload(uploadRequest(PHOTO), context)).toMatchObject({
      ok: true,
    });
    expect(sentMeanwhile).toEqual([0]);
  });

  it('gets nothing more when the engine cannot store the handle, which rejects with what it threw', async () => {
    const context = lent.run({ opened: () => Promise.reject(new Error('commit failed')) });
    await expect(remote().upload(uploadRequest(PHOTO), context)).rejects.toThrow('commit failed');
    expect(world.server.count('PATCH')).toBe(0);
  });

  it('gets nothing more when the run is aborted during the creation, or before', async () => {
    const abort = new AbortController();
    const context = lent.run({ signal: abort.signal, opened: async () => abort.abort() });
    expect(await remote().upload(uploadRequest(PHOTO), context)).toMatchObject({ code: 'aborted' });
    expect(await remote().upload(uploadRequest(PHOTO), context)).toMatchObject({ code: 'aborted' });
    expect(methods()).toEqual(['POST']);
  });

  it('is gone on with under its handle, and nowhere else', async () => {
    world.server.plan({ method: 'PATCH', act: 'reset', afterBytes: 150_000 });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: false });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    expect(methods()).toEqual(['POST', 'PATCH', 'HEAD', 'PATCH']);
    expect(await world.uploads()).toHaveLength(1);
  });
});

/** A tus server without the extension `creation-with-upload`: bytes of a creation are read and dropped. */
async function createOnly(behind: TusWorld) {
  const { createServer, request } = await import('node:http');
  const seen: string[] = [];
  const target = new URL(behind.endpoint);
  const server = createServer((incoming, response) => {
    const { method = '', url, headers } = incoming;
    seen.push(method);
    const isCreation = method === 'POST';
    const kept = { ...headers };
    if (isCreation) {
      delete kept['content-type'];
      kept['content-length'] = '0';
    }
    const sent = request(new URL(url ?? '', target), { method, headers: kept }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    if (isCreation) {
      incoming.resume();
      incoming.on('end', () => sent.end());
    } else incoming.pipe(sent);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    methods: seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
