import type { Fault } from '../../../machines/attachment/types.ts';
import type { Json } from '../../../machines/json.ts';
import { s3Key } from '../s3-keys.ts';
import { isSameTag } from './look.ts';
import type { PartETags, PartPlan, Session } from './part-plan.ts';
import { call, type S3Parts } from './send.ts';

/** What the store has of an upload. */
export interface ListedParts {
  readonly ok: true;
  /** Those of the size that they have by the plan. */
  readonly etags: Map<number, string>;
  /**
   * Whether the list alone shows that they were cut by this plan. A last part may be as large as one of another plan that
   * has its number, and hold other bytes; any other part is as large as its plan says.
   */
  readonly isOfPlan: boolean;
}

/** The parts that are already there, page by page. */
export async function listParts(
  parts: S3Parts,
  { objectKey, uploadId }: Session,
  plan: PartPlan,
  signal: AbortSignal,
): Promise<ListedParts | Fault> {
  const Key = s3Key(parts.bucket.prefix, objectKey);
  const etags = new Map<number, string>();
  let last = 0;
  for (let after: string | undefined; ; ) {
    const marker = after === undefined ? {} : { PartNumberMarker: after };
    const input = { Key, UploadId: uploadId, ...marker, MaxParts: parts.pageSize };
    const told = await call(parts, 'ListParts', input, { signal });
    if (!told.ok) return told;
    for (const { PartNumber, Size, ETag } of told.output.Parts ?? []) {
      if (PartNumber === undefined || ETag === undefined) continue;
      last = Math.max(last, PartNumber);
      if (PartNumber > plan.count) continue;
      if (Size === plan.sizeOf(PartNumber)) etags.set(PartNumber, ETag);
    }
    const next = told.output.NextPartNumberMarker;
    if (told.output.IsTruncated !== true || next === undefined || next === after) break;
    after = next;
  }
  const isWhole = (number: number): boolean =>
    (number === 1 || number < last) && plan.sizeOf(number) === plan.partBytes;
  const isOfPlan = last === 0 || plan.count === 1 || [...etags.keys()].some(isWhole);
  return { ok: true, etags, isOfPlan };
}

/** What an earlier run noted of the parts that it sent: a hint, since the store's own list is the truth. */
export function checkpointOf({ uploadId }: Session, plan: PartPlan, etags: PartETags): Json {
  return { uploadId, partBytes: plan.partBytes, etags: Object.fromEntries(etags) };
}

/** Whether an earlier run noted that it cut them by this plan. */
export function isNotedPlan(
  { uploadId }: Session,
  { partBytes }: PartPlan,
  checkpoint: Json | null,
): boolean {
  if (checkpoint === null || typeof checkpoint !== 'object' || !('uploadId' in checkpoint)) {
    return false;
  }
  return checkpoint['uploadId'] === uploadId && checkpoint['partBytes'] === partBytes;
}

/** Parts whose ETag is another one than what the store answered when they were sent: not kept. */
export function dropForeign(
  etags: Map<number, string>,
  { uploadId }: Session,
  checkpoint: Json | null,
): void {
  if (checkpoint === null || typeof checkpoint !== 'object' || !('uploadId' in checkpoint)) return;
  const { etags: noted } = checkpoint;
  if (checkpoint['uploadId'] !== uploadId || noted === null || typeof noted !== 'object') return;
  for (const [number, etag] of Object.entries(noted)) {
    if (!isSameTag(etags.get(Number(number)), etag)) etags.delete(Number(number));
  }
}
