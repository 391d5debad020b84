import type { StorageNumbers } from '../../ports/storage-estimate.ts';
import { percentOf, type Space } from './thresholds.ts';

/** What one answer of the platform says beside the log's own account; good until the next one. */
export interface Sample {
  /** What the app stores besides attachments. */
  readonly otherBytes: number;
  readonly totalBytes: number;
  /** Attachments that take half of what was free: others may have taken the other half. */
  readonly askAgainAtBytes: number;
}

/**
 * Free room is added to what attachments have: what there may be does not change while they grow. What is no number,
 * below zero, or a whole of nothing was not said.
 * @param ownBytes attachments when the platform was asked, those being written included.
 */
export function sampleOf(numbers: StorageNumbers, ownBytes: number): Sample | undefined {
  const [free, total, used] = [numbers.freeBytes, numbers.totalBytes, numbers.usedBytes].map(said);
  const otherBytes = Math.max(0, (used ?? ownBytes) - ownBytes);
  const wholes = [
    ...(free === undefined ? [] : [ownBytes + otherBytes + free]),
    ...(total === undefined || total === 0 ? [] : [total]),
  ];
  if (wholes.length === 0) return undefined;
  const totalBytes = Math.min(...wholes);
  const freeBytes = Math.max(0, totalBytes - otherBytes - ownBytes);
  return { otherBytes, totalBytes, askAgainAtBytes: ownBytes + freeBytes / 2 };
}

/** Every limit that is known now: the platform's, and the app's budget. */
export function spacesOf(
  sample: Sample | undefined,
  budgetBytes: number | undefined,
  ownBytes: number,
): readonly Space[] {
  const spaces: Space[] = [];
  if (sample !== undefined) {
    const { otherBytes, totalBytes } = sample;
    spaces.push({ usedBytes: ownBytes + otherBytes, totalBytes });
  }
  if (budgetBytes !== undefined) spaces.push({ usedBytes: ownBytes, totalBytes: budgetBytes });
  return spaces;
}

/** The one that is filled the most: it is the one to show. */
export function tightest(spaces: readonly Space[]): Space | undefined {
  return spaces.toSorted((a, b) => percentOf(b) - percentOf(a))[0];
}

function said(value: unknown): number | undefined {
  const isSaid = typeof value === 'number' && Number.isFinite(value) && value >= 0;
  return isSaid ? Math.floor(value) : undefined;
}
