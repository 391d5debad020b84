import { seededRandom, simCarrier, type VirtualClock, virtualClock } from 'lading/testing';
import type { ArrivedRequest, CarrierSetup } from 'lading/testing/contracts';

/** Lets virtual time run until it is disposed. */
export function running(clock: VirtualClock): () => Promise<void> {
  let disposed = false;
  const run = (async () => {
    while (!disposed) if (!(await clock.runNext())) await clock.settle();
  })();
  return () => {
    disposed = true;
    return run;
  };
}

/** The simulated operating system, and a server that takes what it brings. */
export async function simCarrierSetup(): Promise<CarrierSetup> {
  const clock = virtualClock();
  const files = new Map<string, Uint8Array>();
  const arrived: ArrivedRequest[] = [];
  let held: { reach(): void; readonly released: Promise<void> } | undefined;
  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const { url, method, headers } = new Request(input, { ...init, signal: null });
    if (url.startsWith('https://nowhere.example/')) {
      throw new TypeError('fetch failed', { cause: new Error('connection_refused') });
    }
    const hold = held;
    held = undefined;
    hold?.reach();
    await hold?.released;
    if (init.signal?.aborted) throw init.signal.reason as Error;
    const body = init.body as Uint8Array;
    const length = { 'content-length': String(body.byteLength) };
    arrived.push({ method, headers: { ...Object.fromEntries(headers), ...length }, body });
    return new Response('stored', { status: 201, headers: { ETag: '"v1"' } });
  };
  const system = simCarrier({
    clock,
    fetch,
    read: (file) => files.get(file),
    random: seededRandom(1),
  });
  return {
    carrier: system.carrier,
    reopen: () => system.carrier,
    url: 'https://files.example/object',
    nowhere: 'https://nowhere.example/object',
    arrived: () => arrived,
    async file(bytes) {
      files.set(`file-${files.size}`, bytes);
      return `file-${files.size - 1}`;
    },
    holdNext() {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      held = { reach: reached.resolve, released: released.promise };
      return { reached: reached.promise, release: released.resolve };
    },
    dispose: running(clock),
  };
}
