import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Backend, ChangeSignal, DeltaPage, PushResult } from '../../../ports/backend.ts';
import type { ReferenceBackend } from '../../../sync/reference-backend.ts';

/** The judge's backend, reachable from the child by a line of JSON over loopback. */
export interface BackendBridge {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveBackend(backend: ReferenceBackend): Promise<BackendBridge> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const call = callIn(Buffer.concat(chunks).toString());
      if (call === undefined) {
        response.writeHead(400).end();
        return;
      }
      const answer = {
        push: () => backend.push(call.account, call.args[0] as never),
        pull: () => backend.pull(call.account, ...(call.args as [never, never, never])),
        signal: () => backend.signal(call.account, call.args[0] as never),
      }[call.verb]();
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Call {
  readonly verb: 'push' | 'pull' | 'signal';
  readonly account: string;
  readonly args: readonly unknown[];
}

/** Undefined: not all of it arrived. */
function callIn(text: string): Call | undefined {
  try {
    return JSON.parse(text) as Call;
  } catch {
    return undefined;
  }
}

const POLL_MS = 50;

/** The other end of {@link serveBackend}. A listener is a poll here: nothing of it is under test. */
export function backendOver(url: string, account: string): Backend {
  async function call<T>(verb: Call['verb'], args: readonly unknown[], signal?: AbortSignal) {
    const body = JSON.stringify({ verb, account, args });
    const response = await fetch(url, {
      method: 'POST',
      body,
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw new Error(`the backend answered ${response.status}`);
    return (await response.json()) as T;
  }
  return {
    push: (ops, { signal }) => call<readonly PushResult[]>('push', [ops], signal),
    pull: (scope, after, { limit, signal }) =>
      call<DeltaPage>('pull', [scope, after, limit], signal),
    listen(scope, listener) {
      let stopped = false;
      let lastSeq = -1;
      const poll = async (): Promise<void> => {
        const signal = await call<ChangeSignal>('signal', [scope]);
        if (stopped) return;
        if (signal.seq !== lastSeq) listener(signal);
        lastSeq = signal.seq;
      };
      const timer = setInterval(() => void poll().catch(() => {}), POLL_MS); // the next one asks again
      void poll().catch(() => {});
      return () => {
        stopped = true;
        clearInterval(timer);
      };
    },
  };
}
