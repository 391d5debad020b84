import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type Clock, sleep } from '../../ports/clock.ts';
import { endsAt, type ProxyFault, type Side } from './faults.ts';

/** How a body ended: it passed, its fault ended it, or nothing moves any more and the connection stays. */
export type Passed = 'whole' | 'cut' | 'stalled';

export interface PumpOptions {
  readonly side: Side;
  readonly fault: ProxyFault | undefined;
  readonly clock: Clock;
  /** Aborted when either end is gone. */
  readonly signal: AbortSignal;
  /** The line that all bodies share. */
  readonly line: Line;
  /** Bytes that came, and those of them that went on. */
  onBytes(came: number, passed: number): void;
  /** The fault did something. */
  onHit(): void;
}

/**
 * Passes a body on piece by piece, as fast as the other end takes it: no more of it is held than one piece. Where the
 * fault ends it after n bytes, the other end has been given exactly n.
 */
export async function pump(from: Readable, to: Writable, options: PumpOptions): Promise<Passed> {
  const { fault, side, clock, signal } = options;
  const stopAt = stopOf(fault, side);
  const keepTo = truncatedTo(fault, side);
  const own = createLine(clock, rateOf(fault, side));
  let seen = 0;
  let flushed: Promise<void> = Promise.resolve();

  const give = async (bytes: Buffer): Promise<void> => {
    signal.throwIfAborted();
    const taken = Promise.withResolvers<void>();
    flushed = taken.promise;
    const goOn = to.write(bytes, () => taken.resolve());
    if (!goOn) await once(to, 'drain', { signal });
  };
  /** What was given is in the socket's hands: a connection that closes now takes none of it back. */
  const stop = async (): Promise<Passed> => {
    await Promise.race([flushed, aborted(signal)]);
    options.onHit();
    return fault?.act === 'stall' ? 'stalled' : 'cut';
  };

  if (stopAt === 0) return stop();
  for await (const piece of from.iterator({ destroyOnReturn: false })) {
    const bytes = piece as Buffer;
    const room = Math.min(stopAt, keepTo) - seen;
    const at = corruptedAt(fault, side) - seen;
    if (at >= 0 && at < bytes.byteLength) {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      options.onHit();
    }
    const passing = bytes.subarray(0, Math.max(0, room));
    seen += bytes.byteLength;
    await options.line.wait(bytes.byteLength, signal);
    if (await own.wait(bytes.byteLength, signal)) options.onHit();
    options.onBytes(bytes.byteLength, passing.byteLength);
    if (passing.byteLength > 0) await give(passing);
    if (seen >= stopAt) return stop();
    if (seen > keepTo) options.onHit();
  }
  if (fault?.act === 'oversize' && fault.side === side) {
    options.onHit();
    await give(Buffer.alloc(fault.byBytes, 'more '));
  }
  return 'whole';
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function stopOf(fault: ProxyFault | undefined, side: Side): number {
  return endsAt(fault, side) ?? Number.POSITIVE_INFINITY;
}

function truncatedTo(fault: ProxyFault | undefined, side: Side): number {
  return fault?.act === 'truncate' && fault.side === side
    ? fault.toBytes
    : Number.POSITIVE_INFINITY;
}

/** No byte has a number below zero. */
function corruptedAt(fault: ProxyFault | undefined, side: Side): number {
  return fault?.act === 'corrupt' && fault.side === side ? (fault.atByte ?? 0) : -1;
}

function rateOf(fault: ProxyFault | undefined, side: Side): number | undefined {
  return fault?.act === 'limit' && fault.side === side ? fault.bytesPerSecond : undefined;
}

/** A line of a given speed: bytes queue for it in the order in which they come. */
export interface Line {
  /** Resolves when they are through, with whether they had to wait. */
  wait(bytes: number, signal: AbortSignal): Promise<boolean>;
}

/** Timers are coarse: what is shorter adds up until it is worth one. */
const WORTH_WAITING_MS = 4;

/** @param bytesPerSecond left out: as fast as can be. */
export function createLine(clock: Clock, bytesPerSecond: number | undefined): Line {
  if (bytesPerSecond === undefined) return { wait: async () => false };
  let freeAt = 0;
  return {
    async wait(bytes, signal) {
      const now = clock.now();
      freeAt = Math.max(freeAt, now) + (bytes / bytesPerSecond) * 1000;
      if (freeAt - now <= WORTH_WAITING_MS) return false;
      await sleep(clock, freeAt - now, signal);
      return true;
    },
  };
}
