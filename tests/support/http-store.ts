import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { objectPath } from '../../adapters/remotes/http/parts.ts';
import type { ObjectKey } from '../../ports/remote.ts';
import { type FaultServer, startFaultServer } from './fault-server.ts';

export interface HttpWorld {
  readonly server: FaultServer;
  readonly endpoint: string;
  /** Every object that is stored, by its path below the endpoint. */
  objects(): Promise<readonly string[]>;
  bytesOf(path: string): Promise<Buffer>;
  /** The objects of a key: one at most by PUT, each form makes one more. */
  stored(this: void, key: ObjectKey): Promise<readonly Buffer[]>;
  dispose(): Promise<void>;
}

/**
 * A plain server of files behind a {@link FaultServer}. PUT stores a body whole or not at all (a temporary file, synced
 * and renamed), honours `If-None-Match: *`, and refuses bytes that are not what their digest says; POST to `/form` stores
 * the file of a form under an id of the server's own, and `/find?key=` tells where that is.
 */
export async function httpWorld(): Promise<HttpWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'lading-http-'));
  const forms = new Map<string, string[]>();
  const server = await startFaultServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://here');
    const file = join(directory, url.pathname);
    if (request.method === 'PUT') return put(request, response, file);
    if (request.method === 'POST') return post(request, response);
    if (request.method === 'DELETE') {
      const found = await stat(file).catch(() => undefined);
      await rm(file, { force: true });
      response.writeHead(found === undefined ? 404 : 204).end();
      return;
    }
    if (url.pathname === '/find') return find(url.searchParams.get('key') ?? '', response);
    return get(request, response, file);
  }

  async function put(
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
  ): Promise<void> {
    const isNew = (await stat(file).catch(() => undefined)) === undefined;
    if (!isNew && request.headers['if-none-match'] === '*') {
      request.resume();
      request.on('end', () => response.writeHead(412).end());
      return;
    }
    await mkdir(dirname(file), { recursive: true });
    const temporary = `${file}.${randomUUID()}.tmp`;
    const handle = await open(temporary, 'w');
    const hash = createHash('sha256');
    try {
      let size = 0;
      for await (const bytes of request as AsyncIterable<Buffer>) {
        size += bytes.byteLength;
        hash.update(bytes);
        await handle.write(bytes);
      }
      const length = request.headers['content-length'];
      if (length !== undefined && Number(length) !== size) throw new Error('cut off');
      await handle.sync();
    } catch (error) {
      await rm(temporary);
      throw error;
    } finally {
      await handle.close();
    }
    const digest = `sha-256=:${hash.digest('base64')}:`;
    const claimed = request.headers['content-digest'] ?? request.headers['repr-digest'];
    if (claimed !== undefined && claimed !== digest) {
      await rm(temporary);
      response.writeHead(400, { 'Content-Type': 'application/problem+json' });
      response.end(
        '{"type":"https://iana.org/assignments/http-problem-types#digest-mismatching-values"}',
      );
      return;
    }
    if (request.headers['if-none-match'] === '*') {
      const isFirst = await link(temporary, file).then(
        () => true,
        () => false,
      );
      await rm(temporary);
      if (!isFirst) {
        response.writeHead(412).end();
        return;
      }
    } else await rename(temporary, file);
    response.writeHead(isNew ? 201 : 204, { 'Repr-Digest': digest }).end();
  }

  async function post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const bytes of request as AsyncIterable<Buffer>) chunks.push(bytes);
    const form = await new Response(Buffer.concat(chunks), {
      headers: { 'Content-Type': String(request.headers['content-type']) },
    }).formData();
    const file = form.get('file');
    if (!(file instanceof File)) {
      response.writeHead(422).end();
      return;
    }
    const key = form.get('key');
    if (typeof key !== 'string') throw new Error('no key');
    const path = `/chosen/${randomUUID()}`;
    await mkdir(join(directory, 'chosen'), { recursive: true });
    const handle = await open(join(directory, path), 'w');
    await handle.write(Buffer.from(await file.arrayBuffer()));
    await handle.close();
    forms.set(key, [...(forms.get(key) ?? []), path]);
    response.writeHead(201, { Location: path }).end();
  }

  async function find(key: string, response: ServerResponse): Promise<void> {
    for (const path of forms.get(key) ?? []) {
      const found = await stat(join(directory, path)).catch(() => undefined);
      if (found === undefined) continue;
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ path, size: found.size }));
      return;
    }
    response.writeHead(404).end();
  }

  async function get(
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
  ): Promise<void> {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, {
      'Content-Length': found.size - start,
      ...(start === 0 ? {} : { 'Content-Range': `bytes ${start}-${found.size - 1}/${found.size}` }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    createReadStream(file, { start }).pipe(response);
  }

  const bytesOf = (path: string): Promise<Buffer> => readFile(join(directory, path));
  return {
    server,
    endpoint: server.origin,
    async objects() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
        .map((entry) => `${entry.parentPath.slice(directory.length)}/${entry.name}`)
        .toSorted();
    },
    bytesOf,
    async stored(key) {
      const paths = [`/${objectPath(key)}`, ...(forms.get(key) ?? [])];
      const found = await Promise.all(paths.map((path) => bytesOf(path).catch(() => undefined)));
      return found.filter((bytes) => bytes !== undefined);
    },
    async dispose() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
