import { httpRemote } from 'lading/remotes/http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { type Engine, engine, sha256, uploadRequest } from '../support/tus-world.ts';

/** A field may take pages (contract 10.2), and a server may serve what it was sent as what it is. */
const PAGE = Buffer.from(`<!doctype html><p>${'a report '.repeat(100)}`);

let server: FaultServer;
let lent: Engine;
/** What it has, and as how much of it. */
let stored: Buffer | null;
beforeEach(async () => {
  stored = null;
  lent = engine();
  server = await startFaultServer(async (request, response) => {
    if (request.method === 'PUT') {
      const isThere = stored !== null;
      const kept: Buffer[] = [];
      for await (const chunk of request) kept.push(chunk as Buffer);
      if (request.headers['if-none-match'] === '*' && isThere) response.writeHead(412).end();
      else {
        stored = Buffer.concat(kept);
        response.writeHead(201).end();
      }
    } else if (stored === null) response.writeHead(404).end();
    else {
      const headers = { 'Content-Type': 'text/html', 'Content-Length': stored.byteLength };
      response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : stored);
    }
  });
});
afterEach(() => server.close());

const page = () => {
  const request = uploadRequest(PAGE);
  return { ...request, media: { ...request.media, contentType: 'text/html' } };
};

for (const look of ['HEAD', 'GET'] as const) {
  for (const ifNoneMatch of [false, true]) {
    const words = `${look}, ${ifNoneMatch ? 'a condition' : 'no condition'}`;
    it(`a page that is there is met after a lost answer, and is no captive portal (${words})`, async () => {
      const remote = httpRemote({ endpoint: server.origin, look, ifNoneMatch });
      server.plan({ method: 'PUT', act: 'lose-reply' });
      expect(await remote.upload(page(), lent.run())).toMatchObject({ code: 'network' });
      const receipt = { byteSize: PAGE.byteLength, url: `${server.origin}/account-1/media-1` };
      expect(await remote.upload(page(), lent.run())).toMatchObject({ ok: true, receipt });
      expect(server.count('PUT')).toBe(1);
    });
  }
}

it('a page of which half is there is sent again', async () => {
  const remote = httpRemote({ endpoint: server.origin });
  stored = PAGE.subarray(0, 100);
  lent.run();
  expect(await remote.upload(page(), lent.run())).toMatchObject({ ok: true });
  expect(sha256(stored ?? PAGE.subarray(1))).toBe(sha256(PAGE));
});

it.each([
  { look: 'HEAD', ifNoneMatch: true },
  { look: 'GET' },
  { look: 'GET', method: 'POST' },
] as const)(
  'a portal is one where a page is looked for, too: %j (field case 36)',
  async (options) => {
    const answer = { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html>log in' };
    server.plan(...['HEAD', 'GET', 'PUT', 'POST'].map((method) => ({ method, answer })));
    lent.run();
    const remote = httpRemote({ endpoint: server.origin, ...options });
    expect(await remote.upload(page(), lent.run())).toMatchObject({ code: 'not_the_remote' });
    expect(stored).toBeNull();
  },
);
