import type { Cancel, Clock } from '../../ports/clock.ts';
import { beganAt } from '../../ports/clock-jumps.ts';
import type { Random } from '../../ports/random.ts';
import type { Verdict } from './verdict.ts';

/** How one request ended: what it says of the host, and how long the host asked to be left alone. */
export interface RequestEnd {
  readonly verdict: Verdict;
  /** Of `Retry-After`; 0 without one. */
  readonly restMs: number;
}

/**
 * The circuit breaker of one host: after failures in a row it opens, and nothing is asked of the host for a while; then
 * one request goes through, and its answer closes it or opens it for longer (contract 4.5, field case 28). Kept in
 * memory: a new start begins with a closed one.
 */
export interface Breaker {
  readonly state: 'closed' | 'open' | 'half_open';
  /** When an open one lets one request through. Milliseconds since 1970. */
  readonly until: number | null;
  /** Half open, and the one request is under way. */
  readonly isProbing: boolean;
  /** Nothing was wrong lately. */
  readonly isIdle: boolean;
  /** @returns undefined when the request must not be made; else what to call at its end. */
  enter(subject: string): ((end: RequestEnd) => void) | undefined;
  /**
   * Lets one request through now: somebody wants to know, or the network may have been what failed.
   * @param whateverItAsked also where the host asked to be left alone.
   */
  letOneThrough(whateverItAsked: boolean): void;
  /** A request goes on for longer than silence is borne: as good as an answer to the one that goes through to see. */
  lasts(): void;
  /** The host took bytes for good: as good as an answer, whatever becomes of the request (field case 37). */
  gotOn(): void;
  close(): void;
}

/** Failures in a row, without an answer between them, after which a host counts as unwell. */
const FAILURES = 5;
/** Of so many attachments at least: one that always fails has its own backoff, and must not hold the others. */
const SUBJECTS = 2;
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 60_000;
/** How long a clock that jumped ahead may go unnoticed. */
const LOOK_MS = 30_000;
/** A host may ask for a day (contract 4.5). */
const LONGEST_ASKED_MS = 24 * 3_600_000;

export function createBreaker(parts: {
  readonly clock: Clock;
  readonly random: Random;
  /** Its state, `until` or `isProbing` changed. */
  onChange(): void;
}): Breaker {
  const { clock, random } = parts;
  let state: Breaker['state'] = 'closed';
  /** Its rest, where it has an end by itself. */
  let resting: { readonly since: number; readonly forMs: number } | undefined;
  /** It rests since the host asked for it: a request that began before does not end that. */
  let wasAsked = false;
  let isProbing = false;
  let failures = 0;
  const subjects = new Set<string>();
  /** Rests in a row without an answer between them. */
  let rests = 0;
  let cancel: Cancel | undefined;

  function set(next: Breaker['state'], restMs: number | null): void {
    cancel?.();
    state = next;
    isProbing = false;
    resting = restMs === null ? undefined : { since: beganAt(clock, clock.now()), forMs: restMs };
    cancel = undefined;
    if (restMs !== null) wait(restMs);
    parts.onChange();
  }

  /** Shown by the clock and ended by elapsed time, or by the clock when that is ahead (field case 44). */
  function until(): number | null {
    return resting === undefined ? null : beganAt(clock, resting.since) + resting.forMs;
  }

  /** In pieces: a device that slept did not count the time, and its clock did. */
  function wait(leftMs: number): void {
    const pieceMs = Math.min(leftMs, LOOK_MS);
    cancel = clock.schedule(pieceMs, () => {
      look();
      if (state !== 'open') return;
      if (leftMs > pieceMs) wait(leftMs - pieceMs);
      else set('half_open', null);
    });
  }

  function rest(): void {
    const longestMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(rests, 10));
    rests += 1;
    wasAsked = false;
    set('open', Math.ceil(longestMs * (0.5 + random.next() / 2)));
  }

  function restAsAsked(restMs: number): void {
    wasAsked = true;
    const leftMs = (until() ?? 0) - clock.now();
    set('open', Math.max(Math.min(restMs, LONGEST_ASKED_MS), leftMs));
  }

  function isWell(): void {
    failures = 0;
    rests = 0;
    subjects.clear();
    if (state === 'half_open' || (state === 'open' && !wasAsked)) set('closed', null);
  }

  function leave(subject: string, isProbe: boolean, { verdict, restMs }: RequestEnd): void {
    if (restMs > 0) restAsAsked(restMs);
    else if (verdict === 'answered') isWell();
    else if (verdict === 'failed' && state === 'closed') {
      failures += 1;
      subjects.add(subject);
      if (failures >= FAILURES && subjects.size >= SUBJECTS) rest();
    } else if (isProbe && state === 'half_open') {
      if (verdict === 'failed') rest();
      else set('half_open', null); // it said nothing: another one goes through
    }
  }

  function look(): void {
    if (clock.now() >= (until() ?? Number.POSITIVE_INFINITY)) set('half_open', null);
  }

  return {
    get state() {
      look();
      return state;
    },
    get until() {
      return until();
    },
    get isProbing() {
      return isProbing;
    },
    get isIdle() {
      return state === 'closed' && failures === 0;
    },
    enter(subject) {
      look();
      if (state === 'open' || isProbing) return undefined;
      const isProbe = state === 'half_open';
      if (isProbe) {
        isProbing = true;
        parts.onChange();
      }
      return (end) => leave(subject, isProbe, end);
    },
    letOneThrough(whateverItAsked) {
      if (state === 'open' && (whateverItAsked || !wasAsked)) set('half_open', null);
    },
    lasts() {
      if (!isProbing) return;
      failures = 0;
      subjects.clear();
      set('closed', null);
    },
    gotOn: isWell,
    close: () => cancel?.(),
  };
}
