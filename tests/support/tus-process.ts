/** A tus server in a process of its own, to be killed: `node tus-process.ts <directory> <port>`; prints its port. */
import { createServer } from 'node:http';
import { flushCompileCache } from 'node:module';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { ladingTusHooks } from '../../adapters/remotes/tus-server.ts';

const [directory = '', port = '0'] = process.argv.slice(2);
const datastore = new FileStore({ directory });
const tus = new Server({ path: '/files', ...ladingTusHooks({ datastore }) });
const server = createServer((request, response) => void tus.handle(request, response));
process.on('disconnect', () => process.exit()); // whoever started it with a channel is gone
flushCompileCache(); // for the next one: this process will not end in a way that would keep it
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
