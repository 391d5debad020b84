/**
 * The example app, told as a story: Items, Transactions, Spaces, Settings and invoice import on tables of its own.
 * `npm run ledger`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from './server.ts';
import { tellStory } from './story.ts';

const directory = await mkdtemp(join(tmpdir(), 'lading-ledger-'));
const server = await startServer(join(directory, 'server'));
try {
  await tellStory({ directory, endpoint: server.endpoint, say: (line) => console.log(line) });
} finally {
  await server.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
