import {
  type Held,
  type ProxyExchange,
  type ProxyRequest,
  type Side,
  startFaultProxy,
} from 'lading/testing/proxy';
import { LADING_KEY } from '../../adapters/remotes/tus-ids.ts';

/** One exchange with the tus server that the proxy keeps in its hands. */
export interface Hold {
  /** Upload id of the object, as a client with our hooks would name it. */
  readonly id: string;
  readonly method: 'POST' | 'PATCH' | 'HEAD';
  /** 1 for the first one of this method. */
  readonly nth: number;
  readonly side: Side;
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
  const removals = new Map<string, Removal>();
  const idOfName = new Map<string, string>();
  const created = new Map<string, string[]>();

  function keyOf({ method, path, headers }: ProxyRequest): string {
    if (method === 'POST') {
      const metadata = String(headers['upload-metadata'] ?? '');
      const pair = metadata.split(',').find((one) => one.startsWith(`${LADING_KEY} `));
      return Buffer.from(pair?.split(' ')[1] ?? '', 'base64').toString();
    }
    const name = nameIn(path);
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

  const proxy = await startFaultProxy({
    upstream,
    storeAndForward: true,
    keyOf,
    async before({ key, method }: ProxyExchange) {
      if (method !== 'DELETE' || !removalOf(key).isAnswered) return;
      const others = proxy.exchanges.filter((one) => one.key === key && one.method !== 'DELETE');
      await Promise.all(others.map(({ over }) => over));
    },
    onAnswer(exchange) {
      const { key, method, status, answer } = exchange;
      if (method === 'POST' && status === 201 && answer?.location !== undefined) {
        const name = nameIn(answer.location);
        idOfName.set(name, key);
        created.set(key, [...(created.get(key) ?? []), name]);
      }
      if (method === 'DELETE') void exchange.over.then(() => removalOf(key).answered());
    },
  });

  return {
    origin: proxy.origin,
    hold: ({ id, method, nth, side }) => proxy.hold({ key: id, method, nth, side }),
    removed: (id) => removalOf(id).first,
    created: (id) => created.get(id) ?? [],
    count: (method) => proxy.traffic({ method }).exchanges,
    close: () => proxy.close(),
  };
}

interface Removal {
  readonly first: Promise<void>;
  isAnswered: boolean;
  answered(): void;
}

function nameIn(url: string): string {
  const { pathname } = new URL(url, 'http://any');
  return pathname.slice(pathname.lastIndexOf('/') + 1);
}
