import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startFaultServer } from './fault-server.ts';

export interface StoredPut {
  readonly path: string;
  readonly byteSize: number;
  readonly sha256: string;
}

/** A server of files in memory that does not read a PUT before it is let go. */
export interface HeldStore {
  readonly endpoint: string;
  /** Resolves when a PUT is here and waits. */
  reached(): Promise<void>;
  /** Reads what waits, and what comes from now on. */
  release(): void;
  /** Resolves when so many PUTs were stored, ever. */
  stored(count: number): Promise<readonly StoredPut[]>;
  /** Requests so far, by method. */
  count(method: string): number;
  close(): Promise<void>;
}

export async function heldStore(): Promise<HeldStore> {
  const puts: StoredPut[] = [];
  const objects = new Map<string, StoredPut>();
  const listeners: (() => void)[] = [];
  const released = Promise.withResolvers<void>();
  let waiting = 0;
  const changed = (): void => {
    for (const listener of listeners.splice(0)) listener();
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise<void>((resolve) => listeners.push(resolve));
  };
  const server = await startFaultServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = request;
    const found = objects.get(path);
    if (method === 'PUT') {
      waiting += 1;
      changed();
      await released.promise;
      const hash = createHash('sha256');
      let byteSize = 0;
      for await (const bytes of request as AsyncIterable<Buffer>) {
        hash.update(bytes);
        byteSize += bytes.byteLength;
      }
      const stored = { path, byteSize, sha256: hash.digest('hex') };
      objects.set(path, stored);
      puts.push(stored);
      response.writeHead(201).end();
      changed();
    } else if (method === 'DELETE') {
      objects.delete(path);
      response.writeHead(204).end();
    } else if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'Content-Length': found.byteSize }).end();
  }

  return {
    endpoint: server.origin,
    reached: () => until(() => waiting > 0),
    release: released.resolve,
    async stored(count) {
      await until(() => puts.length >= count);
      return puts;
    },
    count: (method) => server.count(method),
    close: () => server.close(),
  };
}
