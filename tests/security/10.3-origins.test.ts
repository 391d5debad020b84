import { type TusRemoteOptions, tusRemote } from 'lading/remotes/tus';
import { memoryBlobs } from 'lading/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPrivateAddress } from '../../adapters/remotes/private-address.ts';
import { type LookupAll, publicGet } from '../../adapters/remotes/public-fetch.ts';
import { createFieldRegistry } from '../../engine/lifecycle/fields.ts';
import { attachmentServices, type ServiceParts } from '../../engine/lifecycle/services.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { present } from '../../ports/part.ts';
import { systemRandom } from '../../ports/random.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { FIELDS, owner } from '../support/lading-world.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

const never = new AbortController().signal;
const SECRET = 'Bearer cnry0a1b2c3d4e5f60718293';

let home: FaultServer;
let other: FaultServer;
/** What the next answer of the endpoint's server is. */
let answer: { readonly status: number; readonly headers?: Readonly<Record<string, string>> };
beforeEach(async () => {
  answer = { status: 404 };
  home = await startFaultServer((_request, response) => {
    response.writeHead(answer.status, { 'Tus-Resumable': '1.0.0', ...answer.headers }).end('x');
  });
  other = await startFaultServer((_request, response) => response.end('bytes'));
});
afterEach(async () => {
  await home.close();
  await other.close();
});

const remote = (options: Partial<TusRemoteOptions> = {}) =>
  tusRemote({ endpoint: `${home.origin}/files`, headers: { Authorization: SECRET }, ...options });
const download = (url: string, options: Partial<TusRemoteOptions> = {}) =>
  remote(options).download(url, { signal: never });
const key = uploadRequest(content(1)).objectKey;

describe('contract 10.3: resolve and downloads go only to allow-listed origins', () => {
  it('asks no other host, port or scheme, and none with a user name in the url', async () => {
    const { host, port } = new URL(home.origin);
    for (const url of [
      `${other.origin}/x`,
      `https://${host}/x`,
      `http://localhost:${port}/x`,
      `http://ada:pw@${host}/x`,
      'file:///etc/passwd',
      'blob:https://files.example.com/1',
      'not a url',
    ]) {
      expect([url, await download(url)]).toMatchObject([url, { code: 'origin_refused' }]);
    }
    expect([...home.seen, ...other.seen]).toEqual([]);
  });

  it('takes origins only, not paths that would look like a limit', () => {
    for (const origin of ['https://cdn.example.com/mine', 'cdn.example.com', 'ftp://a.b', '*']) {
      expect(() => remote({ allowedOrigins: [origin] })).toThrow('origin');
    }
  });
});

describe('contract 10.3: credentials never cross an origin', () => {
  it('sends headers and the query of the endpoint to its own origin alone', async () => {
    answer = { status: 200 };
    const options = {
      endpoint: `${home.origin}/files?key=cnryKey`,
      allowedOrigins: [other.origin],
      allowPrivateAddresses: true,
    };
    expect(await download(`${home.origin}/files/a`, options)).toMatchObject({ ok: true });
    expect(home.seen[0]?.headers['authorization']).toBe(SECRET);
    expect(home.seen[0]?.path).toContain('key=cnryKey');
    expect(await download(`${other.origin}/a`, options)).toMatchObject({ ok: true });
    expect(JSON.stringify(other.seen)).not.toContain('cnry');
  });
});

describe('contract 10.3: a redirect or a Location to another origin is refused', () => {
  it('follows none, whatever was asked', async () => {
    answer = { status: 307, headers: { Location: `${other.origin}/x` } };
    expect(await download(`${home.origin}/files/a`)).toMatchObject({ code: 'redirect_refused' });
    expect(await remote().head(key, { handle: null, signal: never })).toMatchObject({
      code: 'redirect_refused',
    });
    expect(await remote().remove(key, { handle: null, signal: never })).toMatchObject({
      code: 'redirect_refused',
    });
    const upload = await remote().upload(uploadRequest(content(10)), engine().run());
    expect(upload).toMatchObject({ code: 'redirect_refused' });
    // Where the app gave a fetch, and in a browser, requests leave by it.
    const byFetch = remote({ fetch: (input, init) => globalThis.fetch(input, init) });
    expect(await byFetch.head(key, { handle: null, signal: never })).toMatchObject({
      code: 'redirect_refused',
    });
    expect(other.seen).toEqual([]);
  });

  it('follows none to another origin of the allowed ones either', async () => {
    const hop = await startFaultServer((_request, response) => {
      response.writeHead(302, { Location: `${other.origin}/x` }).end();
    });
    const options = { allowedOrigins: [hop.origin, other.origin], allowPrivateAddresses: true };
    expect(await download(`${hop.origin}/x`, options)).toMatchObject({ code: 'redirect_refused' });
    await hop.close();
    expect(other.seen).toEqual([]);
  });

  it('sends no byte to a Location elsewhere, and asks no handle elsewhere', async () => {
    answer = { status: 201, headers: { Location: `${other.origin}/files/a` } };
    const upload = await remote().upload(uploadRequest(content(10)), engine().run());
    expect(upload).toMatchObject({ class: 'terminal', code: 'origin_refused' });
    answer = { status: 404 };
    const handle = `${other.origin}/files/a`;
    await remote().head(key, { handle, signal: never });
    await remote().remove(key, { handle, signal: never });
    expect(other.seen).toEqual([]);
  });
});

describe('contract 10.3: private addresses are refused in Node unless allowed', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'not an address',
  ])('%s is private', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
    '%s is public',
    (address) => {
      expect(isPrivateAddress(address)).toBe(false);
    },
  );

  it('refuses them in every way to write a host, also where the origin is allow-listed', async () => {
    const { port } = new URL(other.origin);
    const hosts = ['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '127.1', 'localhost'];
    for (const host of [...hosts, '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]']) {
      const url = `http://${host}:${port}/x`;
      const told = await download(url, { allowedOrigins: [new URL(url).origin] });
      expect([host, told]).toMatchObject([host, { class: 'terminal', code: 'private_address' }]);
    }
    expect(other.seen).toEqual([]);
  });

  it('reaches them when they are allowed, and the endpoint always', async () => {
    const options = { allowedOrigins: [other.origin], allowPrivateAddresses: true };
    expect(await download(`${other.origin}/x`, options)).toMatchObject({ ok: true });
    answer = { status: 200 };
    expect(await download(`${home.origin}/files/x`)).toMatchObject({ ok: true });
  });

  it('checks a name where it connects, at every connection: rebinding gains nothing', async () => {
    const { port } = new URL(other.origin);
    const url = new URL(`http://rebound.example.com:${port}/x`);
    const answers = ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1'];
    for (const address of answers) {
      let asked = 0;
      const lookup: LookupAll = (_host, _options, answered) => {
        asked += 1;
        answered(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
      };
      const got = publicGet(url, { headers: new Headers(), signal: never, lookup });
      await expect(got).rejects.toMatchObject({ name: 'PrivateAddressError' });
      expect(asked).toBe(1);
    }
    const mixed: LookupAll = (_host, _options, answered) =>
      answered(null, [
        { address: '1.1.1.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const got = publicGet(url, { headers: new Headers(), signal: never, lookup: mixed });
    await expect(got).rejects.toMatchObject({ name: 'PrivateAddressError' });
    expect(other.seen).toEqual([]);
  });
});

describe('contract 10.3: response bodies are bounded', () => {
  it('reads no more of an answer than anybody looks at', async () => {
    let sent = 0;
    const endless = await startFaultServer((_request, response) => {
      response.writeHead(500, { 'Tus-Resumable': '1.0.0' });
      const more = (): void => {
        while (!response.destroyed && sent < 500_000_000) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, 'x'))) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const far = tusRemote({ endpoint: `${endless.origin}/files` });
    const upload = await far.upload(uploadRequest(content(10)), engine().run());
    expect(upload).toMatchObject({ ok: false, code: 'server_error' });
    expect(await far.download(`${endless.origin}/files/a`, { signal: never })).toMatchObject({
      ok: false,
    });
    await endless.close();
    expect(sent).toBeLessThan(50_000_000);
  });

  it.each([
    ['what its ref says', 1_000, 'f'.repeat(64), 1_000],
    ['the limit of its field, where the ref does not say', 0, '', 50_000],
    ['the limit of its field, where an older app said a size and no hash', 1_000, '', 50_000],
  ])('stores no more of a download than %s', async (_title, byteSize, sha256, limit) => {
    let given = 0;
    const parts = {
      accountId: 'account-1',
      blobs: memoryBlobs(),
      files: present({ shared: { borrow: async () => undefined } }),
      fields: createFieldRegistry({
        'item.images': { ...FIELDS['item.images'], maxBytes: 50_000 },
      }),
      gates: { remoteOpen: () => true },
      traffic: { ask: (_run: unknown, work: () => Promise<unknown>) => work() },
      credentials: present({ generation: 0, accepted() {}, refused: () => true }),

      guardrails: {
        reserve: async () => ({
          metered: (_id: string, body: AsyncIterable<Uint8Array>) => body,
          release() {},
        }),
      },
      newBlobKey: () => 'a-account-1/00/m-1',
      remote: {
        download: async () => ({
          ok: true,
          byteSize: null,
          body: (async function* () {
            for (; given < 100_000_000; given += 1_000) yield systemRandom.bytes(1_000);
          })(),
        }),
      },
    } as unknown as ServiceParts;
    const media = {
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize,
      sha256,
      filename: null,
    };
    const input = { mediaId: 'm', accountId: 'account-1', url: 'https://x.example.com', media };
    const output = attachmentServices(parts).download(input, {
      stream: 'm' as StreamId,
      idempotencyKey: 'r',
      signal: never,
      rerun: false,
      state: () => ({
        value: {},
        status: 'active',
        version: 1,
        context: { refs: [{ owner: owner() }] },
      }),
      send: async () => {},
    } as never);
    expect(await output).toMatchObject({ ok: false });
    expect(given).toBeLessThanOrEqual(limit + 1_000);
  });
});
