import type { Fault } from '../../../machines/attachment/types.ts';
import type { IncompletePage, IncompleteUpload, ObjectKey } from '../../../ports/remote.ts';
import { objectKeyOf, s3Key, s3KeyPrefix } from '../s3-keys.ts';
import { fault } from '../transport/faults.ts';
import type { Session } from './part-plan.ts';
import { call, type S3Parts } from './send.ts';

/** How often an upload is ended before the rest is left to the next try. */
const MOST_ABORTS = 3;

type Done = { readonly ok: true } | Fault;

/**
 * Ends an upload in parts, until the store says that it is gone: a part that was under way may land after the first time,
 * and would be paid for.
 */
export async function abortUpload(
  parts: S3Parts,
  { objectKey, uploadId }: Session,
  signal: AbortSignal,
): Promise<Done> {
  const input = { Key: s3Key(parts.bucket.prefix, objectKey), UploadId: uploadId };
  for (let tries = 0; tries < MOST_ABORTS; tries++) {
    const told = await call(parts, 'AbortMultipartUpload', input, { signal });
    if (!told.ok) return told;
    const listed = await call(parts, 'ListParts', { ...input, MaxParts: 1 }, { signal });
    if (!listed.ok) return listed.class === 'resume_lost' ? { ok: true } : listed;
  }
  return NOT_GONE;
}

/** The object, and every unfinished upload of it: one of them could still be completed. */
export async function removeObject(
  parts: S3Parts,
  objectKey: ObjectKey,
  handle: string | null,
  signal: AbortSignal,
): Promise<Done> {
  if (handle !== null) {
    const ended = await abortUpload(parts, { objectKey, uploadId: handle }, signal);
    if (!ended.ok) return ended;
  }
  const others = await endOthers(parts, objectKey, signal);
  if (!others.ok) return others;
  const Key = s3Key(parts.bucket.prefix, objectKey);
  const told = await call(parts, 'DeleteObject', { Key }, { signal });
  return told.ok ? { ok: true } : told;
}

/** A creation whose answer was lost left an upload that nobody knows the name of. */
async function endOthers(parts: S3Parts, objectKey: ObjectKey, signal: AbortSignal): Promise<Done> {
  const prefix = s3Key(parts.bucket.prefix, objectKey);
  for (let after: string | null = null; ; ) {
    const page: IncompletePage | Fault = await listPage(parts, prefix, after, signal);
    // Whoever may not list has a rule of the bucket clear away what is left (docs/guides/s3.md).
    if (!page.ok) return page.class === 'terminal' ? { ok: true } : page;
    for (const upload of page.uploads) {
      if (upload.objectKey !== objectKey) continue;
      const ended = await abortUpload(parts, { objectKey, uploadId: upload.handle }, signal);
      if (!ended.ok) return ended;
    }
    if (page.next === null) return { ok: true };
    after = page.next;
  }
}

/**
 * One that an earlier attempt began, and whose name was lost with the answer: it is as good as a new one. Null also where
 * nobody may list: then another one is begun, and that one left to who collects what is left.
 */
export async function lostUpload(
  parts: S3Parts,
  objectKey: ObjectKey,
  signal: AbortSignal,
): Promise<string | null> {
  const page = await listPage(parts, s3Key(parts.bucket.prefix, objectKey), null, signal);
  const found = page.ok ? page.uploads.find((upload) => upload.objectKey === objectKey) : undefined;
  return found?.handle ?? null;
}

/** Unfinished uploads of an account, in pages of 1,000 at most. */
export function listIncomplete(
  parts: S3Parts,
  accountId: string,
  after: string | null,
  signal: AbortSignal,
): Promise<IncompletePage | Fault> {
  return listPage(parts, s3KeyPrefix(parts.bucket.prefix, accountId), after, signal);
}

async function listPage(
  parts: S3Parts,
  prefix: string,
  after: string | null,
  signal: AbortSignal,
): Promise<IncompletePage | Fault> {
  const input = { Prefix: prefix, ...markersOf(after), MaxUploads: parts.pageSize };
  const told = await call(parts, 'ListMultipartUploads', input, { signal });
  if (!told.ok) return told;
  const { Uploads = [], IsTruncated, NextKeyMarker, NextUploadIdMarker } = told.output;
  const uploads = Uploads.flatMap(({ Key, UploadId }): readonly IncompleteUpload[] => {
    const objectKey = Key === undefined ? undefined : objectKeyOf(parts.bucket.prefix, Key);
    return objectKey === undefined || !UploadId ? [] : [{ objectKey, handle: UploadId }];
  });
  const next =
    IsTruncated === true && NextKeyMarker !== undefined
      ? JSON.stringify([NextKeyMarker, NextUploadIdMarker ?? ''])
      : null;
  return { ok: true, uploads, next: next === after ? null : next };
}

function markersOf(after: string | null) {
  if (after === null) return {};
  const [key, upload] = JSON.parse(after) as readonly string[];
  return {
    ...(key === undefined ? {} : { KeyMarker: key }),
    ...(upload ? { UploadIdMarker: upload } : {}),
  };
}

const NOT_GONE = fault(
  'retryable',
  'not_aborted',
  'The store still has parts of an upload that was ended.',
);
