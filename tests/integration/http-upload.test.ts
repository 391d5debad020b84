import { type HttpRemoteOptions, httpRemote } from 'lading/remotes/http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { type HttpWorld, httpWorld } from '../support/http-store.ts';
import { content, type Engine, engine, sha256, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(300_000);
const PATH = '/account-1/media-1';
const never = new AbortController().signal;
const look = { handle: null, signal: never };

let world: HttpWorld;
let lent: Engine;
beforeEach(async () => {
  world = await httpWorld();
  lent = engine();
});
afterEach(() => world.dispose());

const remote = (options: Partial<HttpRemoteOptions> = {}) =>
  httpRemote({ endpoint: world.endpoint, ...options });
const methods = (from = 0) => world.server.seen.slice(from).map(({ method }) => method);
const base64 = Buffer.from(sha256(PHOTO), 'hex').toString('base64');

const expectOnce = async (): Promise<void> => {
  expect(await world.objects()).toEqual([PATH]);
  expect(sha256(await world.bytesOf(PATH))).toBe(sha256(PHOTO));
};

describe('an upload by PUT', () => {
  it('is one request, to a place made of ids, with its length, type and hash', async () => {
    const outcome = await remote().upload(uploadRequest(PHOTO), lent.run());
    const url = `${world.endpoint}${PATH}`;
    const receipt = { url, token: null, byteSize: 300_000, sha256: sha256(PHOTO) };
    expect(outcome).toEqual({ ok: true, receipt });
    expect(world.server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `PUT ${PATH}`,
    ]);
    expect(world.server.seen[0]?.headers).toMatchObject({
      'content-length': '300000',
      'content-type': 'image/jpeg',
      'content-digest': `sha-256=:${base64}:`,
      'content-disposition': 'attachment',
    });
    await expectOnce();
    expect(lent.progress.at(-1)).toBe(300_000);
    expect(lent.handles).toEqual([]);
  });

  it('asks for address and headers just before each request, and keeps what stands behind the path nowhere', async () => {
    const asked: string[] = [];
    const signing = remote({
      address({ operation, objectKey }) {
        asked.push(operation);
        return `${world.endpoint}/${objectKey}?signature=CANARY${asked.length}`;
      },
      headers: () => ({ Authorization: `Bearer ${asked.length}` }),
    });
    world.server.plan({ method: 'PUT', act: 'lose-reply' });
    await signing.upload(uploadRequest(PHOTO), lent.run());
    const outcome = await signing.upload(uploadRequest(PHOTO), lent.run());
    expect(outcome).toMatchObject({ receipt: { url: `${world.endpoint}${PATH}` } });
    expect(JSON.stringify(outcome)).not.toContain('CANARY');
    expect(asked).toEqual(['send', 'look']);
    const tokens = world.server.seen.map(({ headers }) => headers['authorization']);
    expect(tokens).toEqual(['Bearer 1', 'Bearer 2']);
    expect(world.server.seen[1]?.path).toBe(`${PATH}?signature=CANARY2`);
  });

  it('takes its credentials to no other origin, which gets what its address brings (contract 10.3)', async () => {
    const other = await httpWorld();
    try {
      const outcome = await remote({
        headers: { Authorization: 'Bearer CANARY' },
        address: ({ objectKey }) => ({
          url: `${other.endpoint}/${objectKey}`,
          headers: { 'X-Ms-Blob-Type': 'BlockBlob' },
        }),
      }).upload(uploadRequest(PHOTO), lent.run());
      expect(outcome).toMatchObject({ ok: true });
      expect(other.server.seen[0]?.headers).toMatchObject({ 'x-ms-blob-type': 'BlockBlob' });
      expect(other.server.seen[0]?.headers).not.toHaveProperty('authorization');
    } finally {
      await other.dispose();
    }
  });

  it.each(['ftp://files.example/x', 'https://user:secret@files.example/x'])(
    'goes to no address like %s, and does not repeat it',
    async (address) => {
      const astray = remote({ address: () => address });
      const outcome = await astray.upload(uploadRequest(PHOTO), lent.run());
      expect(outcome).toMatchObject({ class: 'terminal', code: 'address_invalid' });
      expect(JSON.stringify(outcome)).not.toContain('secret');
    },
  );

  it('waits when the app cannot say where, and its words go no further (contract 10.4)', async () => {
    const failing = remote({ address: () => Promise.reject(new Error('CANARY')) });
    const outcome = await failing.upload(uploadRequest(PHOTO), lent.run());
    expect(outcome).toMatchObject({ class: 'retryable', code: 'address_failed' });
    expect(JSON.stringify(outcome)).not.toContain('CANARY');
  });

  it.each<readonly [string, (ask: () => Promise<never>) => Partial<HttpRemoteOptions>]>([
    ['headers', (ask) => ({ headers: ask })],
    ['an address', (ask) => ({ address: ask })],
    ['a locator', (ask) => ({ locator: ask })],
    ['a word on the answer', (ask) => ({ read: ask })],
  ])(
    'waits no longer for %s of the app than for a silent server, nor after a stop',
    async (_, of) => {
      const clock = virtualClock();
      let wasAsked = (): void => {};
      const options = of(() => {
        wasAsked();
        return new Promise(() => {});
      });
      const begin = async (signal = new AbortController().signal) => {
        const asked = new Promise<void>((resolve) => {
          wasAsked = resolve;
        });
        const outcome = remote({ ...options, clock }).upload(
          uploadRequest(PHOTO),
          engine().run({ signal }),
        );
        await asked;
        return { outcome };
      };
      const silent = await begin();
      await clock.advanceBy(30_000);
      expect(await silent.outcome).toMatchObject({ class: 'retryable', code: 'stalled' });
      const stop = new AbortController();
      const stopped = await begin(stop.signal);
      stop.abort();
      expect(await stopped.outcome).toMatchObject({ code: 'aborted' });
      expect(clock.pending).toBe(0);
    },
  );

  it('is repeated when bytes were damaged on their way, and never taken for whole', async () => {
    const request = uploadRequest(PHOTO);
    const damaged = { ...request, media: { ...request.media, sha256: sha256(content(1)) } };
    const outcome = await remote().upload(damaged, lent.run());
    expect(outcome).toMatchObject({ class: 'retryable', code: 'checksum_refused' });
    expect(await world.objects()).toEqual([]);
    const unchecked = await remote({ digest: false }).upload(damaged, lent.run({ rerun: false }));
    expect(unchecked).toMatchObject({ class: 'mismatch', code: 'checksum_mismatch' });
  });

  it('hears a hash from an ETag only when told that it is one', async () => {
    const headers = { ETag: `"${sha256(content(1))}"` };
    for (const [etag, ok] of [
      [{}, true],
      [{ etag: 'sha256' as const }, false],
    ] as const) {
      world.server.plan({ method: 'PUT', answer: { status: 200, headers } });
      const outcome = await remote(etag).upload(uploadRequest(PHOTO), engine().run());
      expect(outcome.ok).toBe(ok);
    }
  });
});

describe('an upload by PUT whose end is not known', () => {
  it.each([
    ['its answer was lost', { method: 'PUT', act: 'lose-reply' } as const, true],
    ['a gateway says 502', { method: 'PUT', answer: { status: 502 } }, false],
    ['a gateway says 504', { method: 'PUT', answer: { status: 504 } }, false],
    ['it broke off', { method: 'PUT', act: 'reset', afterBytes: 100_000 } as const, false],
  ])('is looked for before it is sent again: %s (field cases 19, 20)', async (_, fault, landed) => {
    world.server.plan(fault);
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({
      class: 'retryable',
    });
    const before = world.server.seen.length;
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    expect(methods(before)).toEqual(landed ? ['HEAD'] : ['HEAD', 'PUT']);
    await expectOnce();
  });

  it('is sent again over what an interrupted one left there', async () => {
    await remote({ digest: false }).upload(
      { ...uploadRequest(PHOTO.subarray(0, 1000)) },
      engine().run(),
    );
    const again = lent.run({ rerun: true });
    expect(await remote().upload(uploadRequest(PHOTO), again)).toMatchObject({ ok: true });
    await expectOnce();
  });

  it('is sent again where a look tells neither size nor hash: what is there may be half of it', async () => {
    world.server.plan({ method: 'HEAD', answer: { status: 200, headers: { ETag: '"1"' } } });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run({ rerun: true }))).toMatchObject({
      ok: true,
    });
    expect(methods()).toEqual(['HEAD', 'PUT']);
    await expectOnce();
  });

  it('is sent again where the server lets nobody look: the same bytes to the same place', async () => {
    for (const status of [403, 405]) {
      world.server.plan({ method: 'HEAD', answer: { status } });
      const again = lent.run({ rerun: true });
      expect(await remote().upload(uploadRequest(PHOTO), again)).toMatchObject({ ok: true });
    }
    const blind = remote({ look: false });
    expect(await blind.upload(uploadRequest(PHOTO), lent.run())).toMatchObject({ ok: true });
    await expectOnce();
  });

  it.each([401, 503])('waits when a look is answered with %i', async (status) => {
    world.server.plan({ method: 'HEAD', answer: { status } });
    const again = lent.run({ rerun: true });
    expect(await remote().upload(uploadRequest(PHOTO), again)).toMatchObject({ ok: false });
    expect(methods()).toEqual(['HEAD']);
  });

  it('is done when the server says 202 and has it, and waits when it has not', async () => {
    world.server.plan({ method: 'PUT', answer: { status: 202 } });
    expect(await remote().upload(uploadRequest(PHOTO), lent.run())).toMatchObject({
      code: 'not_stored_yet',
    });
    await remote().upload(uploadRequest(PHOTO), lent.run());
    world.server.plan({ method: 'PUT', answer: { status: 202 } });
    const again = lent.run({ rerun: false });
    expect(await remote().upload(uploadRequest(PHOTO), again)).toMatchObject({ ok: true });
  });

  it('is believed to a 201 with a page when the object is there, which no portal can say', async () => {
    const page = {
      status: 201,
      headers: { 'Content-Type': 'text/html' },
      body: '<h1>Created</h1>',
    };
    world.server.plan({ method: 'PUT', answer: page });
    expect(await remote().upload(uploadRequest(PHOTO), engine().run())).toMatchObject({
      code: 'not_the_remote',
    });
    await remote().upload(uploadRequest(PHOTO), engine().run());
    world.server.plan({ method: 'PUT', answer: page });
    expect(await remote().upload(uploadRequest(PHOTO), engine().run())).toMatchObject({ ok: true });
  });
});

describe('a server that refuses a second object in one place', () => {
  it.each([409, 412])(
    'has it already when it says %i and holds the same (field case 22)',
    async (status) => {
      await remote().upload(uploadRequest(PHOTO), lent.run());
      world.server.plan({ method: 'PUT', answer: { status } });
      const unaware = lent.run({ rerun: false });
      expect(await remote().upload(uploadRequest(PHOTO), unaware)).toMatchObject({ ok: true });
      await expectOnce();
    },
  );

  it.each([409, 412])(
    'holds other content for good when it says %i and does (field case 22)',
    async (status) => {
      await remote().upload(uploadRequest(content(10)), engine().run());
      world.server.plan({ method: 'PUT', answer: { status } });
      const outcome = await remote().upload(uploadRequest(PHOTO), lent.run());
      expect(outcome).toMatchObject({ class: 'terminal', code: 'other_content' });
      expect(await world.bytesOf(PATH)).toEqual(content(10));
    },
  );

  it('is asked again after a 412 when there is nothing, and not after a 409', async () => {
    for (const [status, faultClass, code] of [
      [412, 'retryable', 'conditional_conflict'],
      [409, 'terminal', 'conflict'],
    ]) {
      world.server.plan({ method: 'PUT', answer: { status: Number(status) } });
      const outcome = await remote().upload(uploadRequest(PHOTO), engine().run());
      expect(outcome).toMatchObject({ class: faultClass, code });
    }
  });

  it('keeps the first of two that arrive together, and both are content with it', async () => {
    const strict = remote({ ifNoneMatch: true });
    const outcomes = await Promise.all([
      strict.upload(uploadRequest(PHOTO), engine().run()),
      strict.upload(uploadRequest(PHOTO), engine().run()),
    ]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
    await expectOnce();
    const other = await strict.upload(uploadRequest(content(10)), engine().run());
    expect(other).toMatchObject({ class: 'terminal', code: 'other_content' });
  });
});

describe('what a server says of an object', () => {
  it('is read by the app where headers say too little: place, size and hash', async () => {
    const reading = () =>
      remote({
        read: ({ body }) => JSON.parse(body) as object,
        locator: ({ url }) => url.replace(world.endpoint, 'https://cdn.example'),
        look: false,
      }).upload(uploadRequest(PHOTO), engine().run());
    const answer = (told: object) => {
      world.server.plan({ method: 'PUT', answer: { status: 200, body: JSON.stringify(told) } });
      return reading();
    };
    expect(await answer({ url: '/files/7', byteSize: 300_000, token: 'v1' })).toEqual({
      ok: true,
      receipt: { url: 'https://cdn.example/files/7', token: 'v1', byteSize: 300_000 },
    });
    expect(await answer({ byteSize: 299_999 })).toMatchObject({ class: 'mismatch' });
    expect(await answer({ sha256: sha256(content(1)) })).toMatchObject({ class: 'mismatch' });
    expect(await answer({ url: null })).toMatchObject({ ok: true, receipt: { url: null } });
  });

  it('is not the remote’s word when the app says so (field case 36)', async () => {
    const outcome = await remote({ read: () => undefined }).upload(
      uploadRequest(PHOTO),
      lent.run(),
    );
    expect(outcome).toMatchObject({ class: 'retryable', code: 'not_the_remote' });
  });

  it('is too little without a size, which ends instead of guessing', async () => {
    const silent = await startFaultServer((_request, response) => {
      response.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end();
    });
    try {
      const told = await httpRemote({ endpoint: silent.origin }).head(
        uploadRequest(PHOTO).objectKey,
        look,
      );
      expect(told).toMatchObject({ ok: false, code: 'size_missing' });
    } finally {
      await silent.close();
    }
  });

  it('is fetched where the app says, when that takes a signature', async () => {
    await remote().upload(uploadRequest(PHOTO), lent.run());
    const signed = remote({ downloadAddress: (locator) => `${locator}?signature=1` });
    const told = await signed.download(`${world.endpoint}${PATH}`, { signal: never });
    expect(told).toMatchObject({ ok: true, byteSize: 300_000 });
    expect(world.server.seen.at(-1)?.path).toBe(`${PATH}?signature=1`);
    for await (const _ of told.ok ? told.body : []) break;
    const astray = remote({ downloadAddress: () => 'http://127.0.0.1:1/x' });
    expect(await astray.download(`${world.endpoint}${PATH}`, { signal: never })).toMatchObject({
      code: 'origin_refused',
    });
  });
});
