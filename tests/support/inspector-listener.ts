import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

/** One frame of the inspector, as it came over the WebSocket. */
export interface Frame {
  readonly type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot';
  readonly sessionId: string;
  readonly name?: string;
  readonly definition?: string;
  readonly event?: { readonly type: string; readonly version?: number };
  readonly snapshot?: {
    readonly status: string;
    readonly value?: unknown;
    readonly context?: Readonly<Record<string, unknown>>;
  };
}

export interface Listener {
  readonly url: string;
  /** As they came, as text: nothing is lost to a parser. */
  readonly texts: readonly string[];
  readonly frames: readonly Frame[];
  /** Resolves once a frame is as asked, of those that came and those that will. */
  until(found: (frame: Frame) => boolean): Promise<Frame>;
  /** Resolves when somebody connects. */
  connected(): Promise<void>;
  /** Hangs up on everybody; the server stays. */
  hangUp(): void;
  close(): Promise<void>;
}

interface Peer {
  on(event: 'message', listener: (data: Buffer) => void): void;
  terminate(): void;
}
interface PeerServer {
  on(event: 'connection', listener: (peer: Peer) => void): void;
  readonly clients: ReadonlySet<Peer>;
}

/** `ws` comes with the inspector: it is what the inspector's own listeners are made of. */
const { WebSocketServer } = createRequire(import.meta.resolve('@statelyai/inspect'))('ws') as {
  readonly WebSocketServer: new (options: {
    server: ReturnType<typeof createServer>;
  }) => PeerServer;
};

/** A listener on a free port of the loopback, where the inspector's own would be. */
export async function inspectorListener(port = 0): Promise<Listener> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const texts: string[] = [];
  const waiting = new Set<() => void>();
  const arrivals: (() => void)[] = [];
  sockets.on('connection', (peer) => {
    for (const arrived of arrivals.splice(0)) arrived();
    peer.on('message', (data) => {
      texts.push(data.toString());
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const frames = (): readonly Frame[] => texts.map((text) => JSON.parse(text) as Frame);
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    texts,
    get frames() {
      return frames();
    },
    until(found) {
      return new Promise((resolve) => {
        const look = (): void => {
          const frame = frames().find(found);
          if (frame === undefined) return;
          waiting.delete(look);
          resolve(frame);
        };
        waiting.add(look);
        look();
      });
    },
    connected: () => new Promise((resolve) => void arrivals.push(resolve)),
    hangUp() {
      for (const peer of sockets.clients) peer.terminate();
    },
    async close() {
      for (const peer of sockets.clients) peer.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
