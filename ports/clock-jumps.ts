import type { Clock } from './clock.ts';

/** What is ahead by less is waited for: small corrections of a clock are no jump. */
const MINUTE_MS = 60_000;

interface Seen {
  /** The last reading. */
  last: number;
  /** When it was seen to have gone back, and by how much; at first when it was first asked. */
  at: number;
  byMs: number;
}

/** One for each clock, whoever asks: a screen names the moment for which a timer is armed. */
const clocks = new WeakMap<Clock, Seen>();

/**
 * When what began at `since` did so, by the clock as it is now. For what began in what has become the future: as much
 * earlier as the clock went back; never later than when that was seen (contract 4.5, field case 44).
 */
export function beganAt(clock: Clock, since: number): number {
  const now = clock.now();
  const seen = clocks.get(clock) ?? { last: now, at: now, byMs: 0 };
  clocks.set(clock, seen);
  if (seen.last - now > MINUTE_MS) Object.assign(seen, { at: now, byMs: seen.last - now });
  seen.last = now;
  if (since <= now) return since;
  return since - now > MINUTE_MS ? Math.min(since - seen.byMs, seen.at) : now;
}
