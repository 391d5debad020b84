import { createServer, type Server, type Socket } from 'node:net';
import { httpRemote } from 'lading/remotes/http';
import { s3Remote } from 'lading/remotes/s3';
import { tusRemote } from 'lading/remotes/tus';
import { afterEach, describe, expect, it } from 'vitest';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(2_000_000);
const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
const remotes = [
  ['HTTP', (endpoint: string) => httpRemote({ endpoint })],
  ['tus', (endpoint: string) => tusRemote({ endpoint })],
  ['S3', (endpoint: string) => s3Remote({ endpoint, bucket: 'bucket', credentials })],
] as const;

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
});

/** Speaks for itself: what it does with a connection is all that there is. */
async function odd(serve: (socket: Socket) => void): Promise<string> {
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  });
  const listening = server;
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve);
  });
  const address = listening.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

describe.each(remotes)('%s, at a server that is odd', (_, at) => {
  it('ends where the server changes the protocol, which nobody asked for', async () => {
    const origin = await odd((socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
        );
      });
    });
    expect(await at(origin).upload(uploadRequest(PHOTO), engine().run())).toMatchObject({
      class: 'retryable',
      code: 'network',
    });
  });
});

describe('a large body to S3', () => {
  it('goes without asking first where something on its way does not know that question (417)', async () => {
    const heads: string[] = [];
    const origin = await odd((socket) => {
      let received = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        received = Buffer.concat([received, bytes]);
        const end = received.indexOf('\r\n\r\n');
        const head = received.subarray(0, end).toString('latin1');
        const isAsked = /expect: 100-continue/i.test(head);
        if (end === -1 || (!isAsked && received.length < end + 4 + PHOTO.length)) return;
        heads.push(head);
        received = Buffer.alloc(0);
        const said = isAsked ? '417 Expectation Failed' : '200 OK\r\nETag: "1"';
        socket.write(`HTTP/1.1 ${said}\r\nContent-Length: 0\r\n\r\n`);
      });
    });
    const remote = s3Remote({ endpoint: origin, bucket: 'bucket', credentials });
    expect(await remote.upload(uploadRequest(PHOTO), engine().run())).toMatchObject({ ok: true });
    expect(heads.map((head) => /expect:/i.test(head))).toEqual([true, false]);
  });
});

describe('an empty file to S3', () => {
  it('is not asked about, where there is nothing to wait for (RFC 9110, 10.1.1)', async () => {
    const heads: string[] = [];
    const origin = await odd((socket) => {
      socket.on('data', (bytes) => {
        heads.push(bytes.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const remote = s3Remote({ endpoint: origin, bucket: 'bucket', credentials });
    const nothing = uploadRequest(content(0));
    expect(await remote.upload(nothing, engine().run())).toMatchObject({ ok: true });
    expect(heads.map((head) => /expect:/i.test(head))).toEqual([false]);
  });
});

describe('a connection that a server closes just when it is used again', () => {
  it.each([
    ['HTTP', (endpoint: string) => httpRemote({ endpoint })],
    ['S3', (endpoint: string) => s3Remote({ endpoint, bucket: 'bucket', credentials })],
  ] as const)(
    'burns no attempt of %s: what may be repeated goes over another one',
    async (_, at) => {
      let asked = 0;
      const origin = await odd((socket) => {
        let isUsed = false;
        let received = 0;
        socket.on('data', (bytes) => {
          received += bytes.length;
          if (isUsed) socket.resetAndDestroy();
          if (isUsed || received < 1000) return;
          isUsed = true;
          asked += 1;
          socket.write('HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 0\r\n\r\n');
        });
      });
      for (let times = 1; times <= 3; times++) {
        const outcome = await at(origin).upload(uploadRequest(content(1000)), engine().run());
        expect(outcome).toMatchObject({ ok: true });
        expect(asked).toBe(times);
      }
    },
  );

  it('is tried once more, not again and again', async () => {
    let answered = 0;
    const origin = await odd((socket) => {
      socket.on('data', () => {
        if (answered > 0) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        answered += 1;
      });
    });
    const remote = httpRemote({ endpoint: origin });
    const { signal } = new AbortController();
    const { objectKey } = uploadRequest(content(10));
    expect(await remote.remove(objectKey, { handle: null, signal })).toEqual({ ok: true });
    expect(await remote.remove(objectKey, { handle: null, signal })).toMatchObject({
      code: 'network',
    });
    expect(sockets.size).toBe(2);
  });
});
