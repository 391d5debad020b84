import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type HttpRemoteOptions, httpRemote } from 'lading/remotes/http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../machines/json.ts';
import type { UploadContext } from '../../ports/remote.ts';
import { type Fault, startFaultServer } from '../support/fault-server.ts';
import { type HttpWorld, httpWorld } from '../support/http-store.ts';
import { content, engine, sha256, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(300_000);
const request = uploadRequest(PHOTO);
const fields = { key: request.objectKey };

let world: HttpWorld;
beforeEach(async () => {
  world = await httpWorld();
});
afterEach(() => world.dispose());

const remote = (options: Partial<HttpRemoteOptions> = {}) =>
  httpRemote({ endpoint: world.endpoint, form: { field: 'file', fields }, ...options });

/** Runs of one attachment, whose checkpoint outlives each of them. */
function attachment() {
  const lent = engine();
  let kept: Json | null = null;
  return (options: Partial<UploadContext> = {}) =>
    lent.run({
      checkpoint: {
        load: async () => kept,
        async save(value) {
          kept = value;
        },
      },
      ...options,
    });
}

describe('an upload by a form', () => {
  it('is one request with its exact length, and ends where the server says', async () => {
    const progress: number[] = [];
    const run = attachment()({ onProgress: (sent) => progress.push(sent) });
    const outcome = await remote().upload(request, run);
    const [path = ''] = await world.objects();
    expect(outcome).toMatchObject({
      ok: true,
      receipt: { url: `${world.endpoint}${path}`, byteSize: 300_000 },
    });
    expect(world.server.seen.map(({ method }) => method)).toEqual(['POST']);
    expect(world.server.seen[0]?.headers['transfer-encoding']).toBeUndefined();
    expect(Number(world.server.seen[0]?.headers['content-length'])).toBeGreaterThan(300_000);
    expect(sha256(await world.bytesOf(path))).toBe(sha256(PHOTO));
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(300_000);
  });

  it('names the file by its id, and by the user’s name only when the app gives it, escaped (contract 10.1)', async () => {
    const seen: string[] = [];
    const listening = await startFaultServer((incoming, response) => {
      let body = '';
      incoming.on('data', (bytes: Buffer) => {
        body += bytes.toString('latin1');
      });
      incoming.on('end', () => {
        seen.push(body.slice(0, body.indexOf('\r\n\r\n', body.indexOf('filename'))));
        response.writeHead(201, { Location: '/x' }).end();
      });
    });
    try {
      const named = uploadRequest(content(10));
      const filename = 'a"; name="role"\r\nX-Evil: 1\u202Egpj.exe';
      const nasty = { ...named, media: { ...named.media, filename } };
      for (const form of [
        { field: 'file' },
        { field: 'fi"le\n', fields, filename: () => filename },
      ]) {
        await remote({ endpoint: listening.origin, form }).upload(nasty, attachment()());
      }
      expect(seen[0]).toContain('name="file"; filename="media-1"');
      expect(seen[0]).not.toContain('role');
      const line = seen[1]?.split('\r\n').find((one) => one.includes('filename'));
      expect(line).toContain('name="fi%22le%0A"; filename="a%22; name=%22role%22');
      expect(seen[1]).not.toContain('\r\nX-Evil');
      expect(line).not.toContain('\u202E');
    } finally {
      await listening.close();
    }
  });

  it('sends the fields of its address first, as a signed policy needs', async () => {
    const signing = remote({
      form: { field: 'file', fields: ({ media }) => ({ type: media.contentType }) },
      address: () => ({ url: `${world.endpoint}/form`, fields: { ...fields, policy: 'p' } }),
    });
    expect(await signing.upload(request, attachment()())).toMatchObject({ ok: true });
    expect(await world.stored(request.objectKey)).toHaveLength(1);
  });

  it('fails where nobody says where it is, which is no guess', async () => {
    world.server.plan({ method: 'POST', answer: { status: 200 } });
    expect(await remote().upload(request, attachment()())).toMatchObject({
      class: 'terminal',
      code: 'location_missing',
    });
  });

  it('takes no place on another origin for the object’s (contract 10.3)', async () => {
    const headers = { Location: 'https://evil.example/x' };
    world.server.plan({ method: 'POST', times: 2, answer: { status: 201, headers } });
    expect(await remote().upload(request, attachment()())).toMatchObject({
      code: 'location_missing',
    });
    const known = remote({ allowedOrigins: ['https://evil.example'] });
    expect(await known.upload(request, attachment()())).toMatchObject({
      receipt: { url: 'https://evil.example/x' },
    });
  });
});

describe('a form of which nobody knows whether it arrived (contract 4.2, 4.4)', () => {
  it.each<readonly [string, Fault]>([
    ['the answer was lost', { method: 'POST', act: 'lose-reply' }],
    ['a gateway says 502', { method: 'POST', answer: { status: 502 } }],
    ['a gateway says 504', { method: 'POST', answer: { status: 504 } }],
    ['the server says 500', { method: 'POST', answer: { status: 500 } }],
    ['the server says 202', { method: 'POST', answer: { status: 202 } }],
    ...[301, 302, 303].map(
      (status) =>
        [
          `it says ${status}, as servers of forms do that show their result elsewhere`,
          {
            method: 'POST',
            answer: { status, headers: { Location: 'https://elsewhere.example/thanks' } },
          },
        ] as const,
    ),
    ...[200, 201].map(
      (status) =>
        [
          `it says ${status} with a page, as servers of forms do`,
          {
            method: 'POST',
            answer: { status, headers: { 'Content-Type': 'text/html' }, body: '<p>Thank you' },
          },
        ] as const,
    ),
  ])('is not sent again by itself, and is when somebody retries it: %s', async (_, fault) => {
    const run = attachment();
    world.server.plan(fault);
    expect(await remote().upload(request, run())).toMatchObject({
      class: 'terminal',
      code: 'outcome_unknown',
    });
    expect(await remote().upload(request, run())).toMatchObject({ ok: true });
    expect(world.server.count('POST')).toBe(2);
  });

  it('is not sent again after a crash in the middle of it', async () => {
    const run = attachment();
    world.server.plan({ method: 'POST', act: 'hang' });
    const hit = world.server.hit();
    void remote().upload(request, run()); // nobody hears how it ended
    await hit;
    expect(await remote().upload(request, run())).toMatchObject({ code: 'outcome_unknown' });
    expect(world.server.count('POST')).toBe(1);
    expect(await remote().upload(request, run())).toMatchObject({ ok: true });
  });

  it.each([
    ['it was refused', { method: 'POST', answer: { status: 401 } }],
    ['the server was busy', { method: 'POST', answer: { status: 503 } }],
    [
      'it was to be sent elsewhere as it was',
      {
        method: 'POST',
        answer: { status: 307, headers: { Location: 'https://elsewhere.example/' } },
      },
    ],
    [
      'the session is over',
      { method: 'POST', answer: { status: 302, headers: { Location: '/login' } } },
    ],
  ])('is known not to have arrived, and is repeated, when %s', async (_, fault) => {
    const run = attachment();
    world.server.plan(fault);
    expect(await remote().upload(request, run())).not.toMatchObject({ class: 'terminal' });
    expect(await remote().upload(request, run())).toMatchObject({ ok: true });
    expect(await world.stored(request.objectKey)).toHaveLength(1);
  });

  it.each<readonly [string, Partial<HttpRemoteOptions>]>([
    ['an address', { address: () => Promise.reject(new Error('CANARY')) }],
    [
      'the fields',
      {
        form: {
          field: 'file',
          fields: () => {
            throw new Error('CANARY');
          },
        },
      },
    ],
    ['the headers', { headers: () => Promise.reject(new Error('CANARY')) }],
  ])('is known not to have arrived when the app could not give %s', async (_, options) => {
    const run = attachment();
    expect(await remote(options).upload(request, run())).toMatchObject({ class: 'retryable' });
    expect(await remote().upload(request, run())).toMatchObject({ ok: true });
    expect(world.server.count('POST')).toBe(1);
  });

  it('is known not to have arrived when it broke off before its last byte was handed over', async () => {
    const large = uploadRequest(content(30_000_000)); // more than sockets hold
    world.server.plan({ method: 'POST', act: 'reset', afterBytes: 100_000 });
    expect(await remote().upload(large, attachment()())).toMatchObject({ code: 'network' });
  });

  it('is sent over a connection of its own: one that is used again may be closing', async () => {
    const used = new Set<Socket>();
    const closing = await startRawServer((incoming, response) => {
      // A server that was to close an idle connection, and is asked again at that moment.
      if (used.has(incoming.socket)) {
        incoming.socket.destroy();
        return;
      }
      used.add(incoming.socket);
      incoming.resume();
      incoming.on('end', () => response.writeHead(201, { Location: '/x' }).end());
    });
    try {
      const small = uploadRequest(content(10));
      for (let times = 0; times < 3; times++) {
        const outcome = await remote({ endpoint: closing.origin }).upload(small, attachment()());
        expect(outcome).toMatchObject({ ok: true });
      }
    } finally {
      closing.close();
    }
  });

  it.each([301, 302, 303, 307, 308])(
    'is never sent to where a %i leads, with credentials or without (contract 10.3)',
    async (status) => {
      const other = await startFaultServer((incoming, response) => {
        incoming.resume();
        response.writeHead(201, { Location: '/x' }).end();
      });
      try {
        const headers = { Location: `${other.origin}/form` };
        world.server.plan({ method: 'POST', answer: { status, headers } });
        const secret = remote({ headers: { Authorization: 'Bearer CANARY' } });
        expect(await secret.upload(request, attachment()())).toMatchObject({ ok: false });
        expect(other.seen).toEqual([]);
        expect(world.server.count('POST')).toBe(1);
      } finally {
        await other.close();
      }
    },
  );

  it('is known not to have arrived when nobody listened', async () => {
    const { endpoint } = world;
    const run = attachment();
    const nobody = await startFaultServer();
    await nobody.close();
    const gone = remote({ endpoint: nobody.origin });
    expect(await gone.upload(request, run())).toMatchObject({ code: 'host_unreachable' });
    expect(await remote({ endpoint }).upload(request, run())).toMatchObject({ ok: true });
  });

  it('is repeated under one Idempotency-Key where the server keeps that promise', async () => {
    const run = attachment();
    const keyed = remote({ idempotencyKey: true });
    world.server.plan({ method: 'POST', answer: { status: 504 } });
    expect(await keyed.upload(request, run())).toMatchObject({ class: 'retryable' });
    expect(await keyed.upload(request, run())).toMatchObject({ ok: true });
    const keys = world.server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual(['"key-1"', '"key-1"']);
  });

  it('is looked for where the app can, and removed there without credentials for others', async () => {
    const finding = remote({
      headers: { Authorization: 'Bearer CANARY' },
      async look({ objectKey }) {
        const url = `${world.endpoint}/find?key=${encodeURIComponent(objectKey)}`;
        const answer = await fetch(url);
        if (answer.status === 404) return null;
        const { path, size } = (await answer.json()) as { path: string; size: number };
        return { url: `${world.endpoint}${path}`, byteSize: size };
      },
    });
    const run = attachment();
    world.server.plan({ method: 'POST', act: 'lose-reply' });
    expect(await finding.upload(request, run())).toMatchObject({ class: 'retryable' });
    expect(await finding.upload(request, run())).toMatchObject({ ok: true });
    expect(world.server.count('POST')).toBe(1);

    const other = await startFaultServer((_request, response) => response.writeHead(204).end());
    const elsewhere = remote({
      headers: { Authorization: 'Bearer CANARY' },
      look: async () => ({ url: `${other.origin}/x`, byteSize: 1 }),
    });
    const options = { handle: null, signal: new AbortController().signal };
    expect(await elsewhere.remove(request.objectKey, options)).toEqual({ ok: true });
    expect(other.seen[0]?.headers).not.toHaveProperty('authorization');
    await other.close();
  });

  it('cannot be removed where nobody can look, which is said', async () => {
    const options = { handle: null, signal: new AbortController().signal };
    expect(await remote().remove(request.objectKey, options)).toMatchObject({
      class: 'terminal',
      code: 'removal_unsupported',
    });
  });
});

/** Without a proxy in between: its connections are the client's. */
async function startRawServer(handler: RequestListener) {
  const server = createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}
