import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ProxyExchange, type ProxyFault, startFaultProxy } from 'lading/testing/proxy';

/** What happens to the next request with this method, before or instead of the handler. */
export interface Fault {
  readonly method: string;
  /** How many matching requests pass unharmed before. Default 0. */
  readonly after?: number;
  /** How many requests it hits. Default 1. */
  readonly times?: number;
  /** Answers with this, without asking the handler. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /**
   * `reset`: the connection breaks at once, or after `afterBytes` of the body went to the handler;
   * `lose-reply`: the handler does its work, and its answer never arrives; `hang`: nothing is ever answered.
   */
  readonly act?: 'reset' | 'lose-reply' | 'hang';
  readonly afterBytes?: number;
}

export interface FaultServer {
  readonly origin: string;
  readonly seen: readonly ProxyExchange[];
  count(method: string): number;
  /** All bytes that arrived, headers included. */
  receivedBytes(): number;
  plan(...faults: readonly Fault[]): void;
  /** Resolves when a request met a planned fault. */
  hit(): Promise<void>;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A real server behind a fault proxy, whose faults are written down beforehand. */
export async function startFaultServer(
  handler: Handler = (_request, response) => response.writeHead(404).end(),
): Promise<FaultServer> {
  const server = createServer((request, response) => {
    response.on('error', () => {});
    handler(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const waiting: (() => void)[] = [];
  const proxy = await startFaultProxy({
    upstream: `http://127.0.0.1:${port}`,
    onFault: () => {
      for (const wake of waiting.splice(0)) wake();
    },
  });
  return {
    origin: proxy.origin,
    seen: proxy.exchanges,
    count: (method) => proxy.traffic({ method }).exchanges,
    receivedBytes: () => proxy.receivedBytes(),
    plan: (...faults) => proxy.plan(...faults.map((one) => ({ ...one, ...faultOf(one) }))),
    hit: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      await proxy.close();
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

function faultOf({ answer, act, afterBytes }: Fault): ProxyFault {
  if (answer !== undefined) return { act: 'answer', ...answer };
  switch (act) {
    case 'lose-reply':
      return { act: 'lose reply' };
    case 'hang':
      return { act: 'stall', side: 'request' };
    default:
      return { act: 'cut', side: 'request', ...(afterBytes === undefined ? {} : { afterBytes }) };
  }
}
