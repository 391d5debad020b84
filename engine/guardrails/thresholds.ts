/** From here on `warning`, in whole percent (contract 7.2). */
export const WARNING_PERCENT = 80;
/** From here on `critical` (contract 7.2), and nothing is saved that would lead here (contract 7.3). */
export const CRITICAL_PERCENT = 90;
/** How often the platform is asked (contract 7.2). */
export const CHECK_EVERY_MS = 30_000;
/** How long an answer is waited for; after that nothing is known until it comes. */
export const ANSWER_WITHIN_MS = 1_000;

/** `unknown`: neither the platform nor the app says how much there may be. */
export type StorageLevel = 'unknown' | 'ok' | 'warning' | 'critical';

/** What is used of what there may be. */
export interface Space {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

export type StorageRefusal = 'storage_full' | 'storage_nearly_full';

/** Rounded down: 79.99 % shows as 79 and is no warning, so that level and text never differ. */
export function percentOf({ usedBytes, totalBytes }: Space): number {
  return totalBytes === 0 ? 100 : Math.floor((usedBytes * 100) / totalBytes);
}

export function levelOf(percent: number): StorageLevel {
  if (percent >= CRITICAL_PERCENT) return 'critical';
  return percent >= WARNING_PERCENT ? 'warning' : 'ok';
}

/** Why `incomingBytes` more may not be saved, if so (contract 7.3). Whole numbers, so that the limits are exact. */
export function refusalOf(space: Space, incomingBytes: number): StorageRefusal | undefined {
  const projected = space.usedBytes + incomingBytes;
  if (projected > space.totalBytes) return 'storage_full';
  return projected * 100 >= space.totalBytes * CRITICAL_PERCENT ? 'storage_nearly_full' : undefined;
}

/** Bytes by which `incomingBytes` more are too many: past the whole, or past what may be saved (contract 7.3). */
export function shortBytes(
  { usedBytes, totalBytes }: Space,
  incomingBytes: number,
  limit: 'whole' | 'critical',
): number {
  const most =
    limit === 'whole' ? totalBytes : Math.ceil((totalBytes * CRITICAL_PERCENT) / 100) - 1;
  return Math.max(0, usedBytes + incomingBytes - most);
}
