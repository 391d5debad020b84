import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { exchange } from '../../adapters/remotes/transport/exchange.ts';
import { nodeSender, sendByNode } from '../../adapters/remotes/transport/send-by-node.ts';

let server: Server | undefined;

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => {
    server?.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterEach(async () => {
  const closed = new Promise((resolve) => {
    server?.close(resolve);
  });
  server?.closeAllConnections();
  await closed;
});

const never = new AbortController().signal;
const headers = () => new Headers();
const PIECE_BYTES = 64 * 1_024;

function pieceOf(count: number, seen: { read: number; closed: boolean }) {
  return {
    size: count * PIECE_BYTES,
    async *open() {
      try {
        for (let n = 0; n < count; n++) {
          seen.read += 1;
          yield new Uint8Array(PIECE_BYTES);
        }
      } finally {
        seen.closed = true;
      }
    },
  };
}

describe('a request by node:http', () => {
  it('reads no further ahead than the socket takes, and lets the file go when it is stopped (field case 46)', async () => {
    const abort = new AbortController();
    const seen = { read: 0, closed: false };
    const url = await serve((request) => {
      // It takes nothing: what is read ahead now is all that is ever held.
      request.pause();
      setImmediate(() => setImmediate(() => abort.abort(new Error('enough'))));
    });
    const sent = exchange(
      { send: sendByNode },
      { method: 'PUT', url, headers: headers(), signal: abort.signal, piece: pieceOf(4_000, seen) },
    );
    await expect(sent).rejects.toThrow('enough');
    expect(seen.read).toBeLessThan(400);
    await expect.poll(() => seen.closed).toBe(true);
  });

  it('takes a refusal that comes before all was sent, and sends no more', async () => {
    const seen = { read: 0, closed: false };
    const url = await serve((request, response) => {
      request.pause();
      response.writeHead(413, { Connection: 'close' }).end('too large');
    });
    const answer = await exchange(
      { send: sendByNode },
      { method: 'PUT', url, headers: headers(), signal: never, piece: pieceOf(4_000, seen) },
    );
    expect(answer).toMatchObject({ status: 413, body: 'too large' });
    expect(seen.closed).toBe(true);
  });

  it('takes success that is claimed before all was sent for something in between (field case 36)', async () => {
    const url = await serve((request, response) => {
      request.pause();
      response.writeHead(200, { Connection: 'close' }).end('OK');
    });
    const sent = exchange(
      { send: sendByNode },
      {
        method: 'PUT',
        url,
        headers: headers(),
        signal: never,
        piece: pieceOf(4_000, { read: 0, closed: false }),
      },
    );
    await expect(sent).rejects.toMatchObject({ fault: { code: 'not_the_remote' } });
  });

  it('does not follow a redirect, and reads a bounded part of its page (contract 10.3)', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(302, { Location: 'http://127.0.0.1:1/' });
      response.end('x'.repeat(100_000));
    });
    const answer = await sendByNode({ method: 'GET', url, headers: headers(), signal: never });
    expect(answer.status).toBe(302);
    expect(answer.body.length).toBeLessThanOrEqual(4_096);
  });

  it('uses one connection for one request after the other, also after HEAD', async () => {
    const sockets = new Set<unknown>();
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      request.resume();
      request.on('end', () => response.writeHead(200, { 'Content-Length': 3 }).end('yes'));
    });
    for (const method of ['HEAD', 'PUT', 'HEAD', 'DELETE']) {
      const piece = method === 'PUT' ? pieceOf(3, { read: 0, closed: false }) : undefined;
      await exchange(
        { send: sendByNode },
        { method, url, headers: headers(), signal: never, piece },
      );
    }
    expect(sockets.size).toBe(1);
  });

  it('lets a connection go that nobody uses for a while, also where the server would keep it', async () => {
    const closed = Promise.withResolvers<void>();
    const url = await serve((request, response) => {
      request.socket.on('close', () => closed.resolve());
      response.writeHead(200, { 'Content-Length': 3 }).end('yes');
    });
    if (server !== undefined) server.keepAliveTimeout = 0; // never
    const impatient = nodeSender({ idleMs: 20 });
    const answer = await impatient({ method: 'GET', url, headers: headers(), signal: never });
    expect(answer.body).toBe('yes');
    await closed.promise;
  });

  it('stays on its connection while its answer takes longer than an idle one is kept', async () => {
    const url = await serve((_request, response) => {
      response.setTimeout(60, () => response.writeHead(200, { 'Content-Length': 3 }).end('yes'));
    });
    const impatient = nodeSender({ idleMs: 20 });
    const answer = await impatient({ method: 'GET', url, headers: headers(), signal: never });
    expect(answer.body).toBe('yes');
  });

  it('says what the body said when reading it fails', async () => {
    const url = await serve((request) => request.resume());
    const broken = {
      size: 10,
      async *open(): AsyncIterable<Uint8Array> {
        yield Uint8Array.of(1);
        throw new Error('the card was pulled out');
      },
    };
    const sent = exchange(
      { send: sendByNode },
      { method: 'PUT', url, headers: headers(), signal: never, piece: broken },
    );
    await expect(sent).rejects.toThrow('the card was pulled out');
  });

  it('that asks whether its body is wanted sends none of it when it is refused', async () => {
    const seen = { read: 0, closed: false };
    const url = await serve(() => {});
    server?.on('checkContinue', (_request, response) => response.writeHead(403).end('no'));
    const answer = await exchange(
      { send: sendByNode },
      { ...put(url, pieceOf(4_000, seen)), expectContinue: true },
    );
    expect(answer).toMatchObject({ status: 403, body: 'no' });
    expect(seen.read).toBeLessThanOrEqual(1);
  });

  it('that asks whether its body is wanted sends it when the server says so', async () => {
    const got = await sentTo((request, response) => {
      response.writeContinue();
      void take(request, response);
    });
    expect(got).toMatchObject({ status: 200, body: String(10 * PIECE_BYTES) });
  });

  it('that asks whether its body is wanted sends it to a server that never says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let asked = (): void => {};
      const arrived = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const got = sentTo((request, response) => {
        asked();
        void take(request, response);
      });
      await arrived;
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await got).toMatchObject({ status: 200, body: String(10 * PIECE_BYTES) });
    } finally {
      vi.useRealTimers();
    }
  });

  async function sentTo(answer: RequestListener) {
    const url = await serve(() => {});
    server?.on('checkContinue', answer);
    const piece = pieceOf(10, { read: 0, closed: false });
    return exchange({ send: sendByNode }, { ...put(url, piece), expectContinue: true });
  }
});

function put(url: string, piece: ReturnType<typeof pieceOf>) {
  return { method: 'PUT', url, headers: headers(), signal: never, piece };
}

const take = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).byteLength;
  response.end(String(bytes));
};
