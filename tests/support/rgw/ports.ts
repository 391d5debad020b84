import { createServer, type Server } from 'node:net';

/** Free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const opening = Array.from(
    { length: count },
    () =>
      new Promise<Server>((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
      }),
  );
  return Promise.all((await Promise.all(opening)).map(closed));
}

async function closed(server: Server): Promise<number> {
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
