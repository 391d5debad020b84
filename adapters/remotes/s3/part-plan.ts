import type { ObjectKey } from '../../../ports/remote.ts';

/** S3's own limits. */
export const SMALLEST_PART_BYTES = 5 * 1024 * 1024;
const MOST_PARTS = 10_000;
const MIB = 1024 * 1024;

/** How a file is cut: the same for every attempt, so that parts meet their earlier selves. */
export interface PartPlan {
  readonly count: number;
  readonly partBytes: number;
  /** From 1. */
  rangeOf(number: number): { readonly start: number; readonly end: number };
  sizeOf(number: number): number;
}

export function planParts(byteSize: number, wantedBytes: number): PartPlan {
  const needed = Math.ceil(byteSize / MOST_PARTS / MIB) * MIB;
  const partBytes = Math.max(wantedBytes, needed);
  const count = Math.max(1, Math.ceil(byteSize / partBytes));
  const rangeOf = (number: number) => ({
    start: (number - 1) * partBytes,
    end: Math.min(byteSize, number * partBytes),
  });
  return {
    count,
    partBytes,
    rangeOf,
    sizeOf(number) {
      const { start, end } = rangeOf(number);
      return end - start;
    },
  };
}

/** The parts that the store has, by number. */
export type PartETags = ReadonlyMap<number, string>;

/** An upload in parts. */
export interface Session {
  readonly objectKey: ObjectKey;
  readonly uploadId: string;
}
