/** A server in a process of its own: `node server.ts <directory>`; prints its port. Takes plain PUTs, and tus. */
import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { ladingTusHooks } from '../../adapters/remotes/tus-server.ts';

const [directory = ''] = process.argv.slice(2);
const tus = new Server({
  path: '/files',
  ...ladingTusHooks({ datastore: new FileStore({ directory }) }),
});
let count = 0;

const server = createServer((request, response) => {
  const { url = '' } = request;
  const serve = url.startsWith('/files') ? byTus : put;
  serve(request, response).catch(() => response.destroy());
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});

async function byTus(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await tus.handle(request, response);
}

/** As a plain server does: beside its place, then in it. */
async function put(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = join(directory, encodeURIComponent(request.url ?? ''));
  if (request.method === 'PUT') {
    const beside = join(directory, `writing-${count++}`);
    await pipeline(request, createWriteStream(beside));
    await rename(beside, path);
    response.writeHead(201).end();
  } else {
    const found = await stat(path).catch(() => undefined);
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Length': found?.size ?? 0 });
    response.end();
  }
}
