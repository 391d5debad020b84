import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { sendByFetch } from '../../adapters/remotes/transport/send-by-fetch.ts';

let server: Server | undefined;

async function serve(listener: (socket: Socket) => void): Promise<string> {
  const sockets = createServer((socket) => {
    socket.on('error', () => {});
    listener(socket);
  });
  server = sockets;
  await new Promise<void>((resolve) => {
    sockets.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(sockets.address() as { readonly port: number }).port}/`;
}

afterEach(async () => {
  await new Promise((resolve) => {
    server?.close(resolve);
  });
});

const never = new AbortController().signal;
const PIECE_BYTES = 64 * 1_024;
const PIECES = 3;

/** A file that hangs after its first `early` pieces until `wake` is called: the request is over by then. */
function slowFile(early: number) {
  let wake = () => {};
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let close = () => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  async function* read(): AsyncIterable<Uint8Array> {
    try {
      for (let n = 0; n < PIECES; n++) {
        if (n === early) await awake;
        yield new Uint8Array(PIECE_BYTES);
      }
    } finally {
      close();
    }
  }
  return { body: read(), closed, wake };
}

async function put(url: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal = never) {
  const headers = new Headers({ 'Content-Length': String(PIECES * PIECE_BYTES) });
  return sendByFetch(globalThis.fetch)({ method: 'PUT', url, headers, signal, body });
}

describe('a request by fetch', () => {
  it('lets the file go when its connection breaks before a piece was read (contract 4.4)', async () => {
    const url = await serve((socket) => socket.resetAndDestroy());
    const { body, closed, wake } = slowFile(0);
    await expect(put(url, body)).rejects.toThrow('fetch failed');
    wake();
    await closed;
  });

  it('lets the file go when its connection breaks later', async () => {
    const url = await serve((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    const { body, closed, wake } = slowFile(1);
    await expect(put(url, body)).rejects.toThrow('fetch failed');
    wake();
    await closed;
  });

  it('lets the file go when the answer came before all of it was read', async () => {
    const url = await serve((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      });
    });
    const { body, closed, wake } = slowFile(1);
    expect(await put(url, body)).toMatchObject({ status: 413 });
    wake();
    await closed;
  });

  it('lets the file go when the request is stopped', async () => {
    const stop = new AbortController();
    const url = await serve((socket) => {
      socket.once('data', () => stop.abort(new Error('enough')));
    });
    const { body, closed, wake } = slowFile(1);
    await expect(put(url, body, stop.signal)).rejects.toThrow('enough');
    wake();
    await closed;
  });
});
