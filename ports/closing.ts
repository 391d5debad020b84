/**
 * Why a run's signal was aborted, where that makes a difference to work that can go on without this process: `closing`,
 * the app ends; `taken_over`, another process goes on with it. Otherwise it was stopped for good, or for now.
 */
export type LeftBehind = 'closing' | 'taken_over';

/** The reason of an `AbortSignal` for a run that was not stopped but left behind. */
export function leftBehind(message: string, why: LeftBehind): DOMException {
  return Object.assign(new DOMException(message, 'AbortError'), { leftBehind: why });
}

/**
 * Whether a run was left behind, so that what it handed to others is to go on: the next run takes the result. False for a
 * run that stands, and for one that was stopped: cancelled, removed, paused, without a network.
 */
export function isLeftBehind(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  return signal.aborted && typeof reason === 'object' && reason !== null && 'leftBehind' in reason;
}
