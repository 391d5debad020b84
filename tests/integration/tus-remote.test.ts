import { tusRemote, tusUploadId } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadInterrupted, objectKey } from '../../ports/remote.ts';
import { describeRemote } from '../../testing/contracts/remote.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { tusWorld } from '../support/tus-world.ts';

describeRemote('tus', async () => {
  const world = await tusWorld();
  const { server, endpoint } = world;
  return {
    remote: tusRemote({ endpoint, chunkSizeBytes: 100_000 }),
    async stored(key) {
      const names = (await world.uploads()).filter((name) => name === tusUploadId(key));
      return Promise.all(names.map((name) => world.bytesOf(name)));
    },
    breakNextUpload: () => server.plan({ method: 'PATCH', after: 1, act: 'reset' }),
    loseNextCompletion: () => server.plan({ method: 'PATCH', after: 1, act: 'lose-reply' }),
    dispose: () => world.dispose(),
  };
});

describeRemote('tus, by one request', async () => {
  const world = await tusWorld();
  const { server, endpoint } = world;
  return {
    remote: tusRemote({ endpoint, hooks: true }),
    async stored(key) {
      const names = (await world.uploads()).filter((name) => name === tusUploadId(key));
      return Promise.all(names.map((name) => world.bytesOf(name)));
    },
    breakNextUpload: () => server.plan({ method: 'POST', act: 'reset', afterBytes: 50_000 }),
    loseNextCompletion: () => server.plan({ method: 'POST', act: 'lose-reply' }),
    dispose: () => world.dispose(),
  };
});

describe('tusRemote against scripted answers', () => {
  let server: FaultServer;
  const key = objectKey('a', 'm');
  const never = new AbortController().signal;
  beforeEach(async () => {
    server = await startFaultServer();
  });
  afterEach(() => server.close());
  const remote = (options = {}) => tusRemote({ endpoint: `${server.origin}/files`, ...options });
  const answer = (method: string, status: number, headers = {}, body = '') =>
    server.plan({ method, times: 9, answer: { status, headers, body } });

  describe('head', () => {
    it.each([
      [401, 'auth'],
      [403, 'terminal'],
      [423, 'retryable'],
      [503, 'retryable'],
    ])('can not tell after %i, and says so as %s', async (status, faultClass) => {
      answer('HEAD', status);
      const told = await remote().head(key, { handle: null, signal: never });
      expect(told).toMatchObject({ ok: false, class: faultClass });
    });

    it('looks under the handle and then under its own id', async () => {
      const handle = `${server.origin}/files/chosen-by-the-server`;
      expect(await remote().head(key, { handle, signal: never })).toEqual({
        ok: true,
        exists: false,
      });
      const paths = server.seen.map((request) => request.path);
      expect(paths).toEqual(['/files/chosen-by-the-server', '/files/a.m']);
    });

    it('never asks another origin for a handle (contract 10.3)', async () => {
      const handle = 'http://127.0.0.1:1/files/x';
      expect(await remote().head(key, { handle, signal: never })).toEqual({
        ok: true,
        exists: false,
      });
    });
  });

  describe('remove', () => {
    it.each([204, 404, 410])('is done after %i', async (status) => {
      answer('DELETE', status, { 'Tus-Resumable': '1.0.0' });
      expect(await remote().remove(key, { handle: null, signal: never })).toEqual({ ok: true });
    });

    it.each([
      [200, 'not_the_remote'],
      [401, 'unauthorized'],
      [403, 'forbidden'],
      [423, 'locked'],
      [500, 'server_error'],
    ])('is not done after %i', async (status, code) => {
      answer('DELETE', status);
      const told = await remote().remove(key, { handle: null, signal: never });
      expect(told).toMatchObject({ ok: false, code });
    });

    it('is given up after 30 silent seconds, and when it is aborted', async () => {
      const clock = virtualClock();
      server.plan({ method: 'DELETE', act: 'hang', times: 2 });
      const hit = server.hit();
      const silent = remote({ clock }).remove(key, { handle: null, signal: never });
      await hit;
      await clock.advanceBy(30_000);
      expect(await silent).toMatchObject({ code: 'stalled' });

      const abort = new AbortController();
      const again = server.hit();
      const stopped = remote({ clock }).remove(key, { handle: null, signal: abort.signal });
      await again;
      abort.abort();
      expect(await stopped).toMatchObject({ code: 'aborted' });
      expect(clock.pending).toBe(0);
    });
  });

  describe('download', () => {
    const get = (options: { start?: number } = {}, more = {}) =>
      remote(more).download(`${server.origin}/files/a.m`, { signal: never, ...options });

    it('takes a range from a server that knows them, and refuses another one', async () => {
      answer('GET', 206, { 'Content-Range': 'bytes 2-5/6', 'Content-Length': '4' }, 'cdef');
      const told = await get({ start: 2 });
      expect(server.seen[0]?.headers['range']).toBe('bytes=2-');
      expect(told).toMatchObject({ ok: true, byteSize: 4 });
      expect(await get({ start: 3 })).toMatchObject({ ok: false, code: 'range_mismatch' });
    });

    it.each([
      [401, 'auth'],
      [403, 'terminal'],
      [404, 'absent'],
      [410, 'absent'],
      [416, 'terminal'],
      [503, 'retryable'],
    ])('classifies %i as %s', async (status, faultClass) => {
      answer('GET', status);
      expect(await get()).toMatchObject({ ok: false, class: faultClass });
    });

    it('follows no redirect, and takes its headers to no other origin (contract 10.3)', async () => {
      const other = await startFaultServer((_request, response) => response.end('bytes'));
      try {
        const headers = { Authorization: 'Bearer CANARY' };
        answer('GET', 302, { Location: `${other.origin}/x` });
        expect(await get({}, { headers })).toMatchObject({ code: 'redirect_refused' });
        expect(other.seen).toEqual([]);
        const url = `${other.origin}/x`;
        const refused = await remote({ headers }).download(url, { signal: never });
        expect(refused).toMatchObject({ code: 'origin_refused' });
        const allowed = remote({
          headers,
          allowedOrigins: [other.origin],
          allowPrivateAddresses: true,
        });
        const told = await allowed.download(url, { signal: never });
        for await (const chunk of told.ok ? told.body : []) expect(String(chunk)).not.toBe('');
        expect(other.seen.map((request) => request.headers['authorization'])).toEqual([undefined]);
      } finally {
        await other.close();
      }
    });

    it('breaks off as retryable when the bytes stop coming, by reset or by silence', async () => {
      const clock = virtualClock();
      const partial = await startFaultServer((request, response) => {
        response.writeHead(200, { 'Content-Length': '100' });
        response.write('half', () => {
          if (request.url === '/reset') response.destroy();
        });
      });
      try {
        const half = tusRemote({ endpoint: `${partial.origin}/files`, clock });
        const reset = await half.download(`${partial.origin}/reset`, { signal: never });
        await expect(drain(reset.ok ? reset.body : [])).rejects.toBeInstanceOf(DownloadInterrupted);

        const silent = await half.download(`${partial.origin}/silent`, { signal: never });
        const body = (silent.ok ? silent.body : noBytes())[Symbol.asyncIterator]();
        expect((await body.next()).done).toBe(false);
        const next = body.next();
        await clock.settle();
        await Promise.all([
          expect(next).rejects.toMatchObject({ fault: { class: 'retryable', code: 'stalled' } }),
          clock.advanceBy(30_000),
        ]);
        expect(clock.pending).toBe(0);
      } finally {
        await partial.close();
      }
    });
  });
});

async function drain(source: AsyncIterable<Uint8Array> | readonly Uint8Array[]): Promise<number> {
  let length = 0;
  for await (const chunk of source) length += chunk.byteLength;
  return length;
}

async function* noBytes(): AsyncIterable<Uint8Array> {
  yield* [];
}
