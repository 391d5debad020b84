import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { ladingTusHooks } from 'lading/remotes/tus-server';

/** Where the files go: a tus server on this machine alone, on a port that is free. */
export async function startServer(
  directory: string,
): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const datastore = new FileStore({ directory });
  const tus = new Server({ path: '/files', ...ladingTusHooks({ datastore }) });
  const server = createServer((request, response) => void tus.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/files`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
