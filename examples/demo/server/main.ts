/** A real tus server in a process of its own; started by the demo, which talks to it over the process channel. */
import { createServer } from 'node:http';
import { Server } from '@tus/server';
import { ladingTusHooks } from 'lading/remotes/tus-server';
import type { ServerCommand, ServerMessage, ServerOrders } from '../messages.ts';
import { doHarm } from './harm.ts';
import { countBytes, WatchedStore } from './watched-store.ts';

const orders = JSON.parse(process.argv[2] ?? '{}') as ServerOrders;
const tell = (message: ServerMessage): void => void process.send?.(message);
process.on('disconnect', () => process.exit());

const store = new WatchedStore(orders, {
  onHeld: (uploadId) => tell({ type: 'held', uploadId }),
  onMoved: (storedBytes) => tell({ type: 'moved', storedBytes }),
});
const tus = new Server({ path: '/files', ...ladingTusHooks({ datastore: store }) });

const server = createServer((request, response) => {
  if (request.url === '/health') response.writeHead(204).end();
  else void tus.handle(request, response);
});
const wireBytes = countBytes(server);
server.on('error', (error) => tell({ type: 'problem', text: error.message }));
server.listen(orders.port, '127.0.0.1', () => tell({ type: 'listening' }));

process.on('message', (command: ServerCommand) => {
  void obey(command).catch((error: unknown) => tell({ type: 'problem', text: String(error) }));
});

async function obey(command: ServerCommand): Promise<void> {
  switch (command.type) {
    case 'cut':
      store.cut();
      return;
    case 'break':
      await doHarm(orders.directory, command.what);
      return tell({ type: 'traffic', traffic: await report() });
    case 'report':
      return tell({ type: 'traffic', traffic: await report() });
  }
}

async function report() {
  return { wireBytes: wireBytes(), uploads: await store.uploads() };
}
