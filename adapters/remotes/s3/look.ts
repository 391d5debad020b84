import type { Fault, MediaFacts, Receipt } from '../../../machines/attachment/types.ts';
import type { ObjectKey, UploadOutcome, UploadRequest } from '../../../ports/remote.ts';
import { s3Key } from '../s3-keys.ts';
import { fault } from '../transport/faults.ts';
import { hexOfBase64 } from './hex.ts';
import { call, type S3Parts } from './send.ts';

export interface FoundObject {
  readonly byteSize: number;
  /** What the store itself computed over the whole object; null where it tells none. */
  readonly sha256: string | null;
  /** What the uploader said. */
  readonly claimedSha256: string | null;
  readonly token: string | null;
}

/** Metadata under which an upload says what its bytes hash to. */
export const SHA256 = 'sha256';

/** Looks at the object; null where there is none. */
export async function lookAt(
  parts: S3Parts,
  objectKey: ObjectKey,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly found: FoundObject | null } | Fault> {
  const Key = s3Key(parts.bucket.prefix, objectKey);
  const told = await call(parts, 'HeadObject', { Key, ChecksumMode: 'ENABLED' }, { signal });
  if (!told.ok && told.class === 'absent') return { ok: true, found: null };
  if (!told.ok) return told.code === 'forbidden' ? why(parts, Key, told, signal) : told;
  const { ContentLength, ETag, Metadata, ChecksumSHA256, ChecksumType } = told.output;
  if (ContentLength === undefined) return SIZE_MISSING;
  const whole = ChecksumType === 'COMPOSITE' ? undefined : hexOfBase64(ChecksumSHA256);
  return {
    ok: true,
    found: {
      byteSize: ContentLength,
      sha256: whole ?? null,
      claimedSha256: Metadata?.[SHA256] ?? null,
      token: etagOf(ETag),
    },
  };
}

/** An answer to HEAD has no body, and so no code: a GET of one byte says what is wrong (field case 39). */
async function why(
  parts: S3Parts,
  Key: string,
  told: Fault,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly found: null } | Fault> {
  const asked = await call(parts, 'GetObject', { Key, Range: 'bytes=0-0' }, { signal });
  if (!asked.ok && asked.class === 'absent') return { ok: true, found: null };
  return asked.ok || asked.code === 'range_refused' ? told : asked;
}

/** What an attempt comes to that meets an object; null where there is none and it has to send. */
export async function meet(
  parts: S3Parts,
  { objectKey, media }: UploadRequest,
  signal: AbortSignal,
): Promise<UploadOutcome | null> {
  const looked = await lookAt(parts, objectKey, signal);
  if (!looked.ok) return looked;
  const { found } = looked;
  if (found === null) return null;
  return isSame(found, media) ? receiptOf(parts, objectKey, found) : OTHER_CONTENT;
}

/** A store that tells no hash at all is believed by the size: nobody else makes objects of this key. */
export function isSame(found: FoundObject, media: MediaFacts): boolean {
  const sha256 = found.sha256 ?? found.claimedSha256;
  return found.byteSize === media.byteSize && (sha256 === null || sha256 === media.sha256);
}

export function receiptOf(
  { bucket, options }: S3Parts,
  objectKey: ObjectKey,
  found: Pick<FoundObject, 'byteSize' | 'sha256' | 'token'>,
): { readonly ok: true; readonly receipt: Receipt } {
  const { byteSize, sha256, token } = found;
  const url = locatorOf(bucket.addressOf(objectKey), objectKey, options.locator);
  return {
    ok: true,
    receipt: { url, token, byteSize, ...(sha256 === null ? {} : { sha256 }) },
  };
}

export function locatorOf(
  url: string,
  objectKey: ObjectKey,
  locator: S3Parts['options']['locator'],
): string {
  return locator === undefined ? url : locator({ url, objectKey });
}

/** Some send it with quotes and some without. */
export function etagOf(etag: string | undefined): string | null {
  return etag?.replaceAll('"', '') || null;
}

/** Whether two answers name the same bytes. */
export function isSameTag(one: string | undefined, other: unknown): boolean {
  return typeof other === 'string' && etagOf(one) === etagOf(other);
}

export const OTHER_CONTENT: Fault = fault(
  'terminal',
  'other_content',
  'The bucket holds other bytes under this key.',
);
export const WENT_AWAY: Fault = fault(
  'retryable',
  'conditional_conflict',
  'The object went away in between.',
);
const SIZE_MISSING: Fault = fault('retryable', 'bad_answer', 'The store tells no size.');
