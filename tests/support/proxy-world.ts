import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FaultProxy, type FaultProxyOptions, startFaultProxy } from 'lading/testing/proxy';

/** What the server saw of one request. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly rawHeaders: readonly string[];
  bytes: number;
  sha256: string;
  /** `whole` when the request came to its end; `broken` when its connection did before. */
  ended: 'whole' | 'broken' | null;
}

export interface ProxyWorld {
  readonly proxy: FaultProxy;
  readonly arrived: readonly Arrived[];
  /** Resolves when the server has seen the end of the n-th request, one way or the other. */
  ended(nth: number): Promise<Arrived>;
  /** Of a request to `/later` the server reads nothing before. */
  readOn(): void;
  close(): Promise<void>;
}

/** What a client got, or the code of what broke. */
export interface Got {
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly broke: string | null;
}

/** The server's reply to everything: so many bytes, a header twice. */
export const REPLY = Buffer.from('a reply of 32 bytes, all of them');

/** A server that counts what it is sent, and a proxy before it. */
export async function proxyWorld(options: Partial<FaultProxyOptions> = {}): Promise<ProxyWorld> {
  const arrived: Arrived[] = [];
  const ends: PromiseWithResolvers<Arrived>[] = [];
  const mayRead = Promise.withResolvers<void>();
  const endOf = (nth: number): PromiseWithResolvers<Arrived> =>
    (ends[nth] ??= Promise.withResolvers<Arrived>());
  const server = createServer((incoming, response) => {
    const { method = '', url: path = '', rawHeaders } = incoming;
    const one: Arrived = { method, path, rawHeaders, bytes: 0, sha256: '', ended: null };
    arrived.push(one);
    const end = endOf(arrived.length);
    const hash = createHash('sha256');
    const over = (how: 'whole' | 'broken'): void => {
      one.ended ??= how;
      end.resolve(one);
    };
    if (path === '/refused') {
      response.writeHead(409).end('no'); // and reads nothing
      return;
    }
    if (path === '/later') void mayRead.promise.then(() => incoming.resume());
    incoming.on('data', (bytes: Buffer) => {
      one.bytes += bytes.byteLength;
      hash.update(bytes);
    });
    if (path === '/later') incoming.pause();
    incoming.on('error', () => over('broken'));
    incoming.on('close', () => over('broken'));
    incoming.on('end', () => {
      one.sha256 = hash.digest('hex');
      over('whole');
      if (path === '/slow') return; // never answers
      response.writeHead(200, 'Fine', ['X-Twice', 'one', 'X-Twice', 'two', 'Content-Length', '32']);
      response.end(method === 'HEAD' ? undefined : REPLY);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await startFaultProxy({ upstream, ...options });
  return {
    proxy,
    arrived,
    ended: (nth) => endOf(nth).promise,
    readOn: () => mayRead.resolve(),
    async close() {
      await proxy.close();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export interface Sending {
  readonly method?: string;
  readonly path?: string;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly signal?: AbortSignal;
}

/** One request, and all that came back until the connection was quiet or broke. */
export function send({ port }: { readonly port: number }, sending: Sending = {}): Promise<Got> {
  const { method = 'PUT', path = '/a', body = new Uint8Array(), headers, signal } = sending;
  return new Promise((resolve) => {
    const got = { status: null as number | null, headers: {}, rawHeaders: [] as string[] };
    const pieces: Buffer[] = [];
    const done = (broke: string | null): void =>
      resolve({ ...got, body: Buffer.concat(pieces), broke });
    const asked = request({
      port,
      host: '127.0.0.1',
      method,
      path,
      agent: false,
      headers: headers ?? { 'Content-Length': body.byteLength },
      ...(signal === undefined ? {} : { signal }),
    });
    asked.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    asked.on('response', (reply) => {
      Object.assign(got, {
        status: reply.statusCode,
        headers: reply.headers,
        rawHeaders: reply.rawHeaders,
      });
      reply.on('data', (bytes: Buffer) => pieces.push(bytes));
      reply.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
      reply.on('end', () => done(null));
    });
    asked.end(body);
  });
}
