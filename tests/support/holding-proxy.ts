import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LADING_KEY } from '../../adapters/remotes/tus-ids.ts';

/** One exchange with the tus server that the proxy keeps in its hands. */
export interface Hold {
  /** Upload id of the object, as a client with our hooks would name it. */
  readonly id: string;
  readonly method: 'POST' | 'PATCH' | 'HEAD';
  /** 1 for the first one of this method. */
  readonly nth: number;
  /** The request reaches the server only when it is released; or it does, and its reply does not come back before. */
  readonly side: 'request' | 'reply';
}

export interface Held {
  /** Resolves when the exchange is in the proxy's hands. */
  readonly reached: Promise<void>;
  /** Lets it go on. Resolves when the server has answered it, and the client was told if it still listens. */
  release(): Promise<void>;
}

/** A proxy before a tus server that can hold requests and replies of one object, as real ones do with slow links. */
export interface HoldingProxy {
  readonly origin: string;
  hold(hold: Hold): Held;
  /** Resolves when the first DELETE of the object was answered. */
  removed(id: string): Promise<void>;
  /** Uploads that the server began for an object: by its id, the last parts of their urls. */
  created(id: string): readonly string[];
  /** Exchanges so far, by method. */
  count(method: string): number;
  close(): Promise<void>;
}

/**
 * Requests are taken in whole before they are passed on: a client that goes away does not take back what it has sent.
 * A later DELETE of an object waits until all of its requests have landed: none lives longer than the second look is late
 * (contract 5.2).
 */
export async function startHoldingProxy(upstream: string): Promise<HoldingProxy> {
  const target = new URL(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const holds: Planned[] = [];
  /** Exchanges under way, by object; DELETEs aside. */
  const underWay = new Map<string, Set<Promise<void>>>();
  const removals = new Map<string, Removal>();
  const idOfName = new Map<string, string>();
  const created = new Map<string, string[]>();
  const counts = new Map<string, number>();

  function idOf({ method, url = '', headers }: IncomingMessage): string {
    if (method === 'POST') {
      const metadata = String(headers['upload-metadata'] ?? '');
      const pair = metadata.split(',').find((one) => one.startsWith(`${LADING_KEY} `));
      return Buffer.from(pair?.split(' ')[1] ?? '', 'base64').toString();
    }
    const name = nameIn(url);
    return idOfName.get(name) ?? name;
  }

  function removalOf(id: string): Removal {
    const known = removals.get(id);
    if (known !== undefined) return known;
    const { promise: first, resolve } = Promise.withResolvers<void>();
    const made: Removal = {
      first,
      isAnswered: false,
      answered() {
        made.isAnswered = true;
        resolve();
      },
    };
    removals.set(id, made);
    return made;
  }

  function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = idOf(incoming);
    const exchange = pass(id, incoming, response);
    if (incoming.method === 'DELETE') return exchange;
    const others = underWay.get(id) ?? new Set();
    underWay.set(id, others.add(exchange));
    return exchange.finally(() => others.delete(exchange));
  }

  async function pass(
    id: string,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { method = '' } = incoming;
    counts.set(method, (counts.get(method) ?? 0) + 1);
    const held = holds.find(
      (one) => one.id === id && one.method === method && ++one.seen === one.nth,
    );
    const body = await bodyOf(incoming);
    const isSecondLook = method === 'DELETE' && removalOf(id).isAnswered;
    if (isSecondLook) await Promise.allSettled(Array.from(underWay.get(id) ?? []));
    if (held?.side === 'request') {
      held.reach();
      await held.released;
    }
    const reply = await forward(incoming, body);
    const location = reply.headers.location;
    if (method === 'POST' && reply.status === 201 && location !== undefined) {
      const name = nameIn(location);
      idOfName.set(name, id);
      created.set(id, [...(created.get(id) ?? []), name]);
    }
    if (held?.side === 'reply') {
      held.reach();
      await held.released;
    }
    if (!response.destroyed) response.writeHead(reply.status, reply.headers).end(reply.body);
    held?.landed();
    if (method === 'DELETE') removalOf(id).answered();
  }

  interface Reply {
    readonly status: number;
    readonly headers: IncomingMessage['headers'];
    readonly body: Buffer;
  }

  function forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { 'transfer-encoding': _encoding, connection: _connection, ...kept } = headers;
      const sent = request(
        new URL(url ?? '/', target),
        { method, agent, headers: { ...kept, 'content-length': body.byteLength } },
        (answer) => {
          const { statusCode: status = 0, headers: told } = answer;
          bodyOf(answer).then((text) => resolve({ status, headers: told, body: text }), reject);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  const server = createServer((incoming, response) => {
    response.on('error', () => {});
    // A client that goes away in the middle of its request has not sent it.
    void serve(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold(hold) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const landed = Promise.withResolvers<void>();
      holds.push({
        ...hold,
        seen: 0,
        reach: reached.resolve,
        released: released.promise,
        landed: landed.resolve,
      });
      return {
        reached: reached.promise,
        async release() {
          released.resolve();
          await landed.promise;
        },
      };
    },
    removed: (id) => removalOf(id).first,
    created: (id) => created.get(id) ?? [],
    count: (method) => counts.get(method) ?? 0,
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

interface Planned extends Hold {
  seen: number;
  reach(): void;
  readonly released: Promise<void>;
  landed(): void;
}

interface Removal {
  readonly first: Promise<void>;
  isAnswered: boolean;
  answered(): void;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function nameIn(url: string): string {
  const { pathname } = new URL(url, 'http://any');
  return pathname.slice(pathname.lastIndexOf('/') + 1);
}
