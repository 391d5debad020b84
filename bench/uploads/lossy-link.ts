import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../../testing/world/seeded-random.ts';

/** A long, lossy link in user space: kernels without netem have none of their own. */
export interface LossyLink {
  readonly origin: string;
  close(): Promise<void>;
}

export interface LinkOptions {
  /** There and back, in milliseconds. */
  readonly roundTripMs: number;
  /** Of packets on the way up, 0 to 1. */
  readonly loss: number;
  readonly seed: number;
}

/** Bytes of one packet, and packets in the first flight of a connection (RFC 6928). */
const SEGMENT_BYTES = 1_460;
const FIRST_WINDOW = 10;
/** What CUBIC keeps of its window after a loss, and how it grows back to where it was (RFC 9438, 4.1 and 4.6). */
const KEPT_AFTER_LOSS = 0.7;
const CUBIC = 0.4;
/** A loss that no three later packets tell of waits for the timer instead (RFC 6298 as Linux has it). */
const SHORTEST_TIMEOUT_MS = 200;

/**
 * Passes connections on to `upstream` as fast as one CUBIC flow each would go over such a link: in rounds of the round
 * trip, a window of packets at a time, each of which is lost by chance. Both ways take half the round trip, so does the
 * handshake. Connections share no bottleneck, as phones do not fill the line at such a loss.
 */
export async function lossyLink(upstream: string, options: LinkOptions): Promise<LossyLink> {
  const { port, hostname } = new URL(upstream);
  const random = seededRandom(options.seed);
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    const far = connect({ port: Number(port), host: hostname, noDelay: true });
    const flow = cubicFlow(options, random.fork(`connection ${count++}`));
    for (const socket of [client, far]) {
      sockets.add(socket.on('error', () => {}));
      socket.on('close', () => sockets.delete(socket));
    }
    client.setNoDelay(true);
    void carry(client, far, (bytes) => flow(bytes), options.roundTripMs);
    void carry(far, client, async () => {}, 0, options.roundTripMs / 2);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** @param onTheWay resolves when so many bytes have arrived. */
async function carry(
  from: Socket,
  to: Socket,
  onTheWay: (bytes: number) => Promise<void>,
  firstMs: number,
  eachMs = 0,
): Promise<void> {
  try {
    if (firstMs > 0) await wait(firstMs);
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.byteLength; at += SEGMENT_BYTES) {
        const segment = chunk.subarray(at, at + SEGMENT_BYTES);
        await onTheWay(segment.byteLength);
        if (eachMs > 0 && at === 0) await wait(eachMs);
        if (!to.write(segment)) await new Promise((resolve) => to.once('drain', resolve));
      }
    }
    to.end();
  } catch {
    from.destroy();
    to.destroy();
  }
}

/** Waits as long as the sender's window makes a packet wait. */
function cubicFlow(
  { roundTripMs, loss }: LinkOptions,
  random: { chance(probability: number): boolean },
): (bytes: number) => Promise<void> {
  let window = FIRST_WINDOW;
  let threshold = Number.POSITIVE_INFINITY;
  let before = 0;
  let lostAtMs = 0;
  let nowMs = 0;
  let left = window;
  let lost = 0;
  let lastByteAt = performance.now();

  /** The round is over: the window for the next one. */
  function next(): number {
    const flight = window;
    let pauseMs = roundTripMs;
    if (lost > 0) {
      // Too few packets behind it to tell, or the packet that was sent again was lost too.
      if (flight - lost < 3 || random.chance(loss)) pauseMs += SHORTEST_TIMEOUT_MS;
      before = window;
      lostAtMs = nowMs;
      window = Math.max(2, Math.floor(window * KEPT_AFTER_LOSS));
      threshold = window;
      pauseMs += roundTripMs; // what was lost goes once more
    } else if (window < threshold) {
      window *= 2;
    } else {
      const seconds = (nowMs - lostAtMs) / 1_000;
      const plateau = Math.cbrt((before * (1 - KEPT_AFTER_LOSS)) / CUBIC);
      const grown = CUBIC * (seconds - plateau) ** 3 + before;
      window = Math.max(window + 1 / 2, Math.min(grown, window * 1.5));
    }
    left = Math.floor(window);
    lost = 0;
    nowMs += pauseMs;
    return pauseMs;
  }

  return async () => {
    // An idle connection: its window is there, its round is over.
    if (performance.now() - lastByteAt > roundTripMs) left = Math.floor(window);
    if (left === 0) await wait(next());
    left -= 1;
    if (random.chance(loss)) lost += 1;
    lastByteAt = performance.now();
  };
}
