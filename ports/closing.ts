/**
 * Marks the reason of an `AbortSignal` for a run that was not stopped, but left behind: the app ends, or another process
 * goes on with it. That makes a difference to work that can go on without this process.
 */
export function leftBehind<Reason extends Error>(reason: Reason): Reason {
  return Object.assign(reason, { leftBehind: true });
}

/**
 * Whether a run was left behind, so that what it handed to others is to go on: the next run takes the result. False for a
 * run that stands, and for one that was stopped: cancelled, removed, paused, without a network.
 */
export function isLeftBehind(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  return signal.aborted && typeof reason === 'object' && reason !== null && 'leftBehind' in reason;
}
