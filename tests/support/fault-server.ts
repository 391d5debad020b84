import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

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
   * `reset`: the connection breaks at once, or after `afterBytes` of it went to the handler;
   * `lose-reply`: the handler does its work, and its answer never arrives; `hang`: nothing is ever answered.
   */
  readonly act?: 'reset' | 'lose-reply' | 'hang';
  readonly afterBytes?: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface FaultServer {
  readonly origin: string;
  readonly seen: readonly SeenRequest[];
  count(method: string): number;
  /** All bytes that arrived, headers included. */
  receivedBytes(): number;
  plan(...faults: readonly Fault[]): void;
  /** Resolves when a request was hit by a planned fault. */
  hit(): Promise<void>;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A real server on a port of its own, whose faults are written down beforehand. */
export async function startFaultServer(
  handler: Handler = (_request, response) => response.writeHead(404).end(),
): Promise<FaultServer> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let planned: { fault: Fault; after: number; times: number }[] = [];

  const take = (method: string): Fault | undefined => {
    const match = planned.find((one) => one.fault.method === method);
    if (match === undefined) return undefined;
    if (match.after-- > 0) return undefined;
    if (--match.times === 0) planned = planned.filter((one) => one !== match);
    return match.fault;
  };

  const server: Server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    seen.push({ method, path, headers });
    response.on('error', () => {});
    const fault = take(method);
    if (fault === undefined) {
      handler(request, response);
      return;
    }
    apply(fault, request, response, handler);
    for (const wake of waiting.splice(0)) wake();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    count: (method) => seen.filter((request) => request.method === method).length,
    receivedBytes: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0),
    plan(...faults) {
      planned = faults.map((fault) => ({
        fault,
        after: fault.after ?? 0,
        times: fault.times ?? 1,
      }));
    },
    hit: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

function apply(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
): void {
  const { socket } = request;
  if (fault.answer !== undefined) {
    const { status, headers = {}, body = '' } = fault.answer;
    request.resume();
    // Answered when all has arrived, so that the outcome does not depend on who is faster.
    request.on('end', () => response.writeHead(status, headers).end(body));
  } else if (fault.act === 'reset' && fault.afterBytes !== undefined) {
    const stopAt = socket.bytesRead + fault.afterBytes;
    socket.on('data', () => {
      if (socket.bytesRead >= stopAt) socket.destroy();
    });
    handler(request, response);
  } else if (fault.act === 'reset') {
    socket.destroy();
  } else if (fault.act === 'lose-reply') {
    response.writeHead = () => {
      socket.destroy();
      return response;
    };
    handler(request, response);
  }
}
