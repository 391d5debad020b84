import type { AttachmentPolicy, Fault } from './types.ts';

/** A remote may ask for a pause of up to a day (contract 4.5). */
export const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;
/** 2³⁰ seconds are past every cap; beyond, doubling would lose precision. */
const MOST_DOUBLINGS = 30;

/**
 * Delay before attempt `failures + 1`, in whole milliseconds: jitter × min(cap, base × 2ⁿ), never less than what the
 * remote asked for (contract 4.5).
 * @param failures - Burnt attempts before this one: n.
 */
export function backoffMs(
  failures: number,
  policy: Pick<AttachmentPolicy, 'backoffBaseMs' | 'backoffCapMs'>,
  jitter: number,
  fault: Pick<Fault, 'retryAfterMs'> | null,
): number {
  const growing = policy.backoffBaseMs * 2 ** Math.min(failures, MOST_DOUBLINGS);
  const jittered = Math.floor(jitter * Math.min(policy.backoffCapMs, growing));
  return Math.max(jittered, clampedRetryAfterMs(fault));
}

/** Between 0 and a day; nonsense counts as 0. */
export function clampedRetryAfterMs(fault: Pick<Fault, 'retryAfterMs'> | null): number {
  const asked = fault?.retryAfterMs ?? 0;
  return Number.isNaN(asked) ? 0 : Math.ceil(Math.min(Math.max(0, asked), LONGEST_RETRY_AFTER_MS));
}
