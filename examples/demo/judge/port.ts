import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const LAST = 29_999;

/**
 * A port on which nothing listens, to be used a little later. It lies below those that systems give away by
 * themselves, so that no other program gets it by chance in between.
 */
export async function reservePort(): Promise<number> {
  const start = FIRST + Math.floor(Math.random() * (LAST - FIRST));
  for (let port = start; port <= LAST; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`There is no free port between ${start} and ${LAST}.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
