import type { AttachmentFacts, Situation } from './facts.ts';
import { sentenceOf } from './sentences.ts';

/** What a screen may show: four states, and "gone" (contract 2). */
export type ViewState = 'local_only' | 'uploading' | 'uploaded' | 'failed' | 'gone';

/** What has to happen next. */
export type WaitingFor =
  /** The app links the draft. */
  | 'link'
  /** The device that has the bytes uploads them. */
  | 'author'
  /** The user ends the pause, of this attachment or of all. */
  | 'resume'
  /** Its account is signed in again. */
  | 'account'
  | 'network'
  | 'unmetered_network'
  /** The remote recovers: the circuit breaker lets nothing through. */
  | 'remote'
  /** Other uploads end. */
  | 'slot'
  | 'backoff'
  | 'credentials'
  /** Somebody asks for a retry. */
  | 'retry'
  /** The bytes turn up again. */
  | 'bytes'
  /** The undo time ends. */
  | 'undo'
  /** The last request that may still be under way is surely over. */
  | 'late_arrival';

/** Facts of the engine, never events of an attachment (contract 2). */
export interface Gates {
  readonly online: boolean;
  /** The link is not metered: what its field keeps to such links may be sent. */
  readonly networkPolicyOk: boolean;
  /** Everything is paused. */
  readonly paused: boolean;
  /** The attachment's account is the one that is signed in. */
  readonly accountActive: boolean;
  /** A runner could take one more. */
  readonly slotFree: boolean;
  /** Credentials were not refused, or there are newer ones. Default true. */
  readonly credentialsOk?: boolean;
  /** The breaker is open, in an electrician's sense: nothing passes. Default false. */
  readonly breakerOpen?: boolean;
  /** When it lets something through again, where that is known. Milliseconds since 1970. */
  readonly breakerUntil?: number | null;
  /** When what began at a time of the log did so by the clock as it is now, which may have gone back. Default then. */
  readonly began?: (since: number) => number;
  /** Of this attachment alone: its step throws, which is a bug, and only a retry tries it again. Default false. */
  readonly isBroken?: boolean;
}

/** Nothing is in the way. */
export const openGates: Gates = {
  online: true,
  networkPolicyOk: true,
  paused: false,
  accountActive: true,
  slotFree: true,
  credentialsOk: true,
  breakerOpen: false,
};

export interface AttachmentView {
  readonly state: ViewState;
  readonly waitingFor?: WaitingFor;
  /** When that began. Milliseconds since 1970. */
  readonly since?: number;
  /** When it ends by itself, if known; for `released` the end of the undo time. */
  readonly until?: number;
  readonly error?: {
    readonly code: string;
    /** For the user. */
    readonly message: string;
    readonly retryable: boolean;
  };
}

/**
 * What a screen shows of an attachment: the one function that decides (contract 2).
 * @param translations sentences for faults, by code or by class; default English.
 */
export function viewOf(
  facts: AttachmentFacts,
  gates: Gates,
  translations?: Readonly<Record<string, string>>,
): AttachmentView {
  const state = stateOf(facts, gates);
  const waitingFor = waitingForOf(facts, gates);
  const since = gates.began?.(facts.since) ?? facts.since;
  // A pause has no end, whatever timer runs beside it.
  const timer =
    waitingFor === 'resume' || facts.until === null ? null : facts.until - facts.since + since;
  const until = (waitingFor === 'remote' ? gates.breakerUntil : timer) ?? null;
  return {
    state,
    since,
    ...(waitingFor === null ? {} : { waitingFor }),
    ...(until === null ? {} : { until }),
    ...(state === 'failed' && facts.error !== null
      ? {
          error: {
            code: facts.error.code,
            message: sentenceOf(facts.error, translations),
            retryable: facts.error.retryable,
          },
        }
      : {}),
  };
}

/** The first gate that keeps a queued upload from starting, in the order in which people can do something about it. */
export function closedGate(gates: Gates, unmetered = false): WaitingFor | null {
  if (gates.isBroken) return 'retry';
  if (gates.paused) return 'resume';
  if (unmetered && gates.accountActive && gates.online && !gates.networkPolicyOk) {
    return 'unmetered_network';
  }
  return closedToAll(gates) ?? (gates.slotFree ? null : 'slot');
}

const shownAs: Readonly<Record<Situation, ViewState>> = {
  draft: 'local_only',
  awaitingAuthor: 'local_only',
  queued: 'uploading',
  waiting: 'local_only',
  awaitingCredentials: 'local_only',
  uploading: 'uploading',
  attaching: 'uploading',
  uploaded: 'uploaded',
  failed: 'failed',
  released: 'gone',
  removing: 'gone',
  removeWaiting: 'gone',
  removeAwaitingCredentials: 'gone',
  settling: 'gone',
  leftover: 'gone',
  purging: 'gone',
  purgeWaiting: 'gone',
  purged: 'gone',
};

function stateOf(facts: AttachmentFacts, gates: Gates): ViewState {
  const isWaiting = facts.situation === 'queued' && waitingForOf(facts, gates) !== null;
  return isWaiting ? 'local_only' : shownAs[facts.situation];
}

type Reason = WaitingFor | null | ((facts: AttachmentFacts, gates: Gates) => WaitingFor | null);

const unlessHeld =
  (otherwise: WaitingFor): Reason =>
  (facts) =>
    facts.held ? 'resume' : otherwise;

/** What each situation waits for; null where it is under way, or at its end. */
const waitsFor: Readonly<Record<Situation, Reason>> = {
  draft: 'link',
  awaitingAuthor: 'author',
  queued: (facts, gates) => (facts.held ? 'resume' : closedGate(gates, facts.unmetered)),
  waiting: unlessHeld('backoff'),
  awaitingCredentials: unlessHeld('credentials'),
  uploading: null,
  attaching: null,
  uploaded: null,
  failed: (facts) => (facts.error?.class === 'source' ? 'bytes' : 'retry'),
  released: 'undo',
  removing: (_facts, gates) => closedToAll(gates),
  removeWaiting: 'backoff',
  removeAwaitingCredentials: 'credentials',
  settling: 'late_arrival',
  leftover: 'retry',
  purging: null,
  purgeWaiting: 'backoff',
  purged: null,
};

function waitingForOf(facts: AttachmentFacts, gates: Gates): WaitingFor | null {
  const reason = waitsFor[facts.situation];
  return typeof reason === 'function' ? reason(facts, gates) : reason;
}

/** Gates that keep everything from the remote; pause and slots are for uploads only. */
function closedToAll(gates: Gates): WaitingFor | null {
  if (!gates.accountActive) return 'account';
  if (!gates.online) return 'network';
  if (gates.credentialsOk === false) return 'credentials';
  return gates.breakerOpen === true ? 'remote' : null;
}
