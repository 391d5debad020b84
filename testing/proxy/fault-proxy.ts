import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../../ports/clock.ts';
import { carry } from './carry.ts';
import {
  createExchangeLog,
  createHolds,
  type Held,
  type Hold,
  type ProxyExchange,
  type ProxyRequest,
  type ProxyTraffic,
} from './exchanges.ts';
import {
  type Match,
  type PlannedFault,
  type ProxyFault,
  type ProxyFaultName,
  plannedFaults,
} from './faults.ts';
import { createLine } from './pump.ts';

export interface FaultProxyOptions {
  /** Where requests go: origin of an HTTP server, such as `http://127.0.0.1:1080`. It need not be up yet. */
  readonly upstream: string;
  /** Port to listen on, at 127.0.0.1. Default: one that is free. */
  readonly port?: number;
  /** What goes wrong with a request that no planned fault is for; `randomFaults` makes one from a seed. Default nothing. */
  readonly faults?: (request: ProxyRequest & { readonly key: string }) => ProxyFault | undefined;
  /**
   * What a request is about: traffic and faults can be asked for by it. Default: its path without the query.
   */
  readonly keyOf?: (request: ProxyRequest) => string;
  /** Speed of the line that all bodies share, both ways. Default: as fast as can be. */
  readonly bytesPerSecond?: number;
  /**
   * Takes a request in whole before it passes it on, as buffering proxies do: a client that leaves does not take back what
   * it has sent. Default false: bodies are streamed, and a client that leaves closes the server's connection too.
   */
  readonly storeAndForward?: boolean;
  /** A request met a fault, which has done nothing yet. */
  readonly onFault?: (exchange: ProxyExchange) => void;
  /** The server is asked when this has resolved. */
  readonly before?: (exchange: ProxyExchange) => void | Promise<void>;
  /** The server has answered, and the client is told when this has resolved. */
  readonly onAnswer?: (exchange: ProxyExchange) => void | Promise<void>;
  /** Of delays and speeds. */
  readonly clock?: Clock;
}

/** A network between a client and a real server, in which what is written down goes wrong. */
export interface FaultProxy {
  /** What clients talk to, such as `http://127.0.0.1:40123`. */
  readonly origin: string;
  readonly port: number;
  /** Every request that arrived, in order, and what became of it. */
  readonly exchanges: readonly ProxyExchange[];
  /** From now on, and instead of what was planned before. A request meets one fault at most. */
  plan(...faults: readonly PlannedFault[]): void;
  /** Keeps one exchange until it is released. */
  hold(hold: Hold): Held;
  /** How often each fault did something; `describeFaults` says it in words. */
  counts(): Partial<Readonly<Record<ProxyFaultName, number>>>;
  /** Bodies of all exchanges that match, added up; of all there were by default. */
  traffic(match?: Match): ProxyTraffic;
  /** All bytes that clients have sent, heads included. */
  receivedBytes(): number;
  /** Closes every connection at once, as when the network goes: what is under way breaks, what comes next is served. */
  dropConnections(): void;
  /** Ends all connections. What is held goes nowhere. */
  close(): Promise<void>;
}

/**
 * Starts a proxy on a port of its own before any HTTP/1.1 server. It streams: bodies are never held whole, but with
 * `storeAndForward`. Headers pass as they were written, `Host` among them, so that signatures stay right. A server that
 * cannot be reached is a connection that closes.
 *
 * @example
 * ```ts
 * const proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:1080' })
 * const remote = tusRemote({ endpoint: `${proxy.origin}/uploads` })
 * proxy.plan({ method: 'PATCH', act: 'cut', side: 'request', afterBytes: 100_000 }) // the next PATCH
 * // … upload; the engine goes on where it stood
 * await proxy.close()
 * ```
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { clock = systemClock(), keyOf = ({ path }) => path.split('?', 1)[0] ?? '' } = options;
  const log = createExchangeLog();
  const holds = createHolds();
  const sockets = new Set<Socket>();
  let goneBytes = 0;
  let planned = plannedFaults([]);
  // A connection for each request: one that a server has just closed would be a fault that nobody planned. It is not told:
  // a server that answers before it has read all resets a connection that ends.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 0 });
  const parts = {
    upstream: new URL(options.upstream),
    agent,
    clock,
    line: createLine(clock, options.bytesPerSecond),
    storeAndForward: options.storeAndForward ?? false,
    ...(options.before === undefined ? {} : { before: options.before }),
    ...(options.onAnswer === undefined ? {} : { onAnswer: options.onAnswer }),
  };

  function serve(incoming: IncomingMessage, response: ServerResponse, expects: boolean): void {
    response.on('error', () => {});
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers };
    const key = keyOf(request);
    const known = { ...request, key };
    const fault = planned.take(known) ?? options.faults?.(known);
    const exchange = log.open(request, key, fault ?? null);
    if (fault !== undefined) options.onFault?.(exchange);
    if (expects && !(fault?.act === 'answer' && fault.early === true)) response.writeContinue();
    void carry(exchange, incoming, response, holds.meet(exchange), parts);
  }

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  server.on('request', (incoming, response) => serve(incoming, response, false));
  server.on('checkContinue', (incoming, response) => serve(incoming, response, true));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      goneBytes += socket.bytesRead;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    exchanges: log.all,
    plan(...faults) {
      planned = plannedFaults(faults);
    },
    hold: (hold) => holds.add(hold),
    counts: () => log.counts(),
    traffic: (match = {}) => log.traffic(match),
    receivedBytes: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, goneBytes),
    dropConnections: () => server.closeAllConnections(),
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
