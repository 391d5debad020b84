import type { Clock } from './clock.ts';

/** What is ahead by less is waited for: small corrections of a clock are no jump. */
const MINUTE_MS = 60_000;

interface Seen {
  /** The last reading. */
  last: number;
  /** When it was seen to have gone back, and by how much; at first when it was first asked. */
  at: number;
  byMs: number;
  jumps: number;
}

/** One for each clock, whoever asks: a screen names the moment for which a timer is armed. */
const clocks = new WeakMap<Clock, Seen>();

function look(clock: Clock): Seen {
  const now = clock.now();
  const seen = clocks.get(clock) ?? { last: now, at: now, byMs: 0, jumps: 0 };
  clocks.set(clock, seen);
  if (seen.last - now > MINUTE_MS) {
    Object.assign(seen, { at: now, byMs: seen.last - now, jumps: seen.jumps + 1 });
  }
  seen.last = now;
  return seen;
}

/** How often this clock was seen to go back: what was told by {@link beganAt} is to be told anew after each time. */
export function jumpsBack(clock: Clock): number {
  return look(clock).jumps;
}

/**
 * When what began at `since` did so, by the clock as it is now. For what began in what has become the future: as much
 * earlier as the clock went back; never later than when that was seen (contract 4.5, field case 44).
 */
export function beganAt(clock: Clock, since: number): number {
  const { last: now, at, byMs } = look(clock);
  if (since <= now) return since;
  return since - now > MINUTE_MS ? Math.min(since - byMs, at) : now;
}
