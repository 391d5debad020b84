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
