import type { MediaId } from '../../machines/attachment/types.ts';
import type { Gates } from '../../machines/attachment/view.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { Connectivity, NetworkState } from '../../ports/connectivity.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';

/** What the part that sends knows, and screens are told; nothing closes before that part is here. */
export interface Traffic {
  /** A runner could take one more. */
  readonly slotFree: boolean;
  /** The remote's breaker is open, or only lets one through to see. */
  readonly breakerOpen: boolean;
  readonly breakerUntil: number | null;
  /** As `Gates.began`. */
  readonly began?: (since: number) => number;
  /** Nothing new may be asked of the remote now; what is under way goes on. */
  readonly held: boolean;
}

/** The engine's facts that hold uploads back; never events of an attachment (contract 2). */
export interface GateKeeper {
  /** The facts as they stand, for one attachment or for any. */
  current(mediaId?: MediaId): Gates;
  /** Queued attachments that cannot be started, since a step of theirs throws (contract 4.6). */
  readonly broken: Set<MediaId>;
  /** Whether the remote may be contacted at all. */
  remoteOpen(): boolean;
  /** Whether its breaker lets nothing new begin. */
  remoteHeld(): boolean;
  /**
   * Whether uploads may run: the remote may be contacted, the account is active, and nothing is paused.
   * @param unmetered what its field keeps to unmetered links (contract 3.4). Default one that any link will do for.
   */
  uploadsOpen(unmetered?: boolean): boolean;
  /** Whether one more may begin: they may run, and credentials were not refused. What runs already is left alone. */
  mayStart(unmetered?: boolean): boolean;
  /** False: the remote refused the credentials of now, and there are no newer ones (contract 4.4). */
  setCredentials(areGood: boolean): void;
  /** The account signs out: nothing of it runs in this process any more. */
  leave(): void;
  /** What uploads is here; while it cannot be loaded, uploads wait as for a network. */
  setReachable(isReachable: boolean): void;
  setTraffic(traffic: Traffic): void;
  pause(): void;
  resume(): void;
  /** Calls `listener` after each change of link or pause. */
  subscribe(listener: () => void): Cancel;
  /** Calls `listener` after each change of traffic. */
  onTraffic(listener: () => void): Cancel;
  close(): void;
}

/** A link that was lost again is trusted later each time, up to this many doublings, until it stayed for a while. */
const MOST_DOUBLINGS = 4;
const CALM_MS = 30_000;

/**
 * @param debounceMs how long the network must stay before it counts as back, or as unmetered; its loss counts at once.
 *   Doubles with each loss of a link that does not stay (contract 4.7, field case 37).
 */
export function createGateKeeper(options: {
  readonly connectivity: Connectivity;
  readonly clock: Clock;
  readonly debounceMs: number;
  readonly logger: Logger;
}): GateKeeper {
  const { connectivity, clock, debounceMs, logger } = options;
  const listeners = new Set<() => void>();
  const watchers = new Set<() => void>();
  const broken = new Set<MediaId>();
  let { online, metered } = connectivity.current();
  let heard: string | undefined;
  let paused = false;
  let credentialsOk = true;
  let accountActive = true;
  let reachable = true;
  let traffic = OPEN;
  let losses = 0;
  let cancelDebounce: Cancel | undefined;

  const tell = (told = listeners): void => {
    for (const listener of told) safely(logger, 'a subscriber threw', listener);
  };
  const setLink = (next: NetworkState): boolean => {
    if (online === next.online && metered === next.metered) return false;
    ({ online, metered } = next);
    tell();
    return true;
  };
  const forgetLosses = (): void => {
    losses = 0;
  };
  const unsubscribe = connectivity.subscribe((state) => {
    // Some platforms also tell what has not changed; that must not put off what is waited for.
    const next = `${state.online} ${state.metered}`;
    if (next === heard) return;
    heard = next;
    cancelDebounce?.();
    // What gets worse counts at once, what gets better when it has stayed.
    if (setLink({ online: online && state.online, metered: metered || state.metered })) losses += 1;
    const doublings = Math.min(Math.max(losses - 1, 0), MOST_DOUBLINGS);
    cancelDebounce = clock.schedule(debounceMs * 2 ** doublings, () => {
      setLink(state);
      cancelDebounce = clock.schedule(CALM_MS, forgetLosses, { background: true });
    });
  });
  const setPaused = (next: boolean): void => {
    if (paused === next) return;
    paused = next;
    tell();
  };

  const uploadsOpen = (unmetered = false): boolean =>
    online && accountActive && reachable && !paused && !(unmetered && metered);

  return {
    broken,
    current: (mediaId) => ({
      online: online && reachable,
      networkPolicyOk: !metered,
      paused,
      accountActive,
      credentialsOk,
      isBroken: broken.has(mediaId as MediaId),
      ...traffic,
    }),
    remoteOpen: () => online && accountActive,
    remoteHeld: () => traffic.held,
    uploadsOpen,
    mayStart: (unmetered) => credentialsOk && uploadsOpen(unmetered),
    setCredentials(areGood) {
      if (credentialsOk === areGood) return;
      credentialsOk = areGood;
      tell();
    },
    leave() {
      accountActive = false;
      tell();
    },
    setReachable(next) {
      if (reachable === next) return;
      reachable = next;
      tell();
    },
    setTraffic(next) {
      traffic = next;
      tell(watchers);
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    subscribe: listen(listeners),
    onTraffic: listen(watchers),
    close() {
      cancelDebounce?.();
      listeners.clear();
      watchers.clear();
      unsubscribe();
    },
  };
}

function listen(to: Set<() => void>) {
  return (listener: () => void): Cancel => {
    to.add(listener);
    return () => void to.delete(listener);
  };
}

const OPEN: Traffic = { slotFree: true, breakerOpen: false, breakerUntil: null, held: false };
