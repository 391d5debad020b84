import type { Fault } from '../../../machines/attachment/types.ts';
import type { Json } from '../../../machines/json.ts';
import { s3Key } from '../s3-keys.ts';
import { isSameTag } from './look.ts';
import type { PartETags, PartPlan, Session } from './part-plan.ts';
import { call, type S3Parts } from './send.ts';

/**
 * The parts that are already there, page by page: those of the size that this part has. Another size is of an attempt
 * with another plan.
 */
export async function listParts(
  parts: S3Parts,
  { objectKey, uploadId }: Session,
  plan: PartPlan,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly etags: Map<number, string> } | Fault> {
  const Key = s3Key(parts.bucket.prefix, objectKey);
  const etags = new Map<number, string>();
  for (let after: string | undefined; ; ) {
    const marker = after === undefined ? {} : { PartNumberMarker: after };
    const input = { Key, UploadId: uploadId, ...marker, MaxParts: parts.pageSize };
    const told = await call(parts, 'ListParts', input, { signal });
    if (!told.ok) return told;
    for (const { PartNumber, Size, ETag } of told.output.Parts ?? []) {
      if (PartNumber === undefined || ETag === undefined || PartNumber > plan.count) continue;
      if (Size === plan.sizeOf(PartNumber)) etags.set(PartNumber, ETag);
    }
    const next = told.output.NextPartNumberMarker;
    if (told.output.IsTruncated !== true || next === undefined || next === after) break;
    after = next;
  }
  return { ok: true, etags };
}

/** What an earlier run noted of the parts that it sent: a hint, since the store's own list is the truth. */
export function checkpointOf({ uploadId }: Session, etags: PartETags): Json {
  return { uploadId, etags: Object.fromEntries(etags) };
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
