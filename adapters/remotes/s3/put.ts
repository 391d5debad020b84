import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadOutcome, UploadRequest } from '../../../ports/remote.ts';
import { s3Key } from '../s3-keys.ts';
import type { Waiting } from '../transport/carried.ts';
import { pieceOf } from '../transport/piece.ts';
import { carryPut } from './carried.ts';
import { base64OfHex, hexOfBase64 } from './hex.ts';
import { etagOf, meet, receiptOf, SHA256, WENT_AWAY } from './look.ts';
import { call, type S3Parts, type Told } from './send.ts';

/**
 * One attempt by one PUT. A repeated one looks first; so does one whose answer leaves a doubt. A store that does not know
 * `If-None-Match` says so once, and is asked before the body is sent: what refuses without reading may close the connection
 * on what is still on its way, and its answer would be lost.
 * @param carried the end of one that an earlier run handed to a carrier: nothing is sent before it is judged.
 */
export async function uploadByPut(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
  carried?: Told<'PutObject'>,
): Promise<UploadOutcome> {
  const { signal } = context;
  const looksFirst = context.rerun && carried === undefined;
  if (looksFirst) {
    const met = await meet(parts, request, signal);
    if (met !== null) return met;
  }
  const forward = forwardOnly(context);
  const condition = conditionOf(parts);
  let told = carried ?? (await put(parts, request, forward, condition));
  if (!told.ok && isConditionRefused(parts, condition, told)) {
    const met = looksFirst ? null : await meet(parts, request, signal);
    if (met !== null) return met;
    told = await put(parts, request, forward, {});
    if (told.ok) parts.learnt.refusesConditions = true; // else it may have been something else
  }
  if (told.ok || told.code === 'conflict') parts.learnt.isKnown = true;
  if (!told.ok) {
    if (told.code !== 'conflict') return told;
    return (await meet(parts, request, signal)) ?? WENT_AWAY;
  }
  const { ChecksumSHA256, ETag } = told.output;
  return receiptOf(parts, request.objectKey, {
    byteSize: request.media.byteSize,
    sha256: hexOfBase64(ChecksumSHA256) ?? null,
    token: etagOf(ETag),
  });
}

/** On which an object is made. */
export interface Condition {
  readonly IfNoneMatch?: '*';
}

/** `If-None-Match: *`, unless the app or the store does not want it. */
export function conditionOf({ options, learnt }: S3Parts): Condition {
  const { conditionalWrites = 'auto' } = options;
  const isWanted = conditionalWrites === 'auto' ? !learnt.refusesConditions : conditionalWrites;
  return isWanted ? { IfNoneMatch: '*' } : {};
}

/**
 * Whether a request may have been refused for the condition that it had: Swift answers 501; others that do not know the
 * header call it a bad request.
 */
export function isConditionRefused({ options }: S3Parts, had: Condition, told: Fault): boolean {
  const { conditionalWrites = 'auto' } = options;
  if (conditionalWrites !== 'auto' || had.IfNoneMatch === undefined) return false;
  return told.code === 'not_implemented' || told.code === 'bad_request';
}

/** What both kinds of upload say about the object; names and paths are none of it (contract 10.1, 10.2). */
export function aboutObject({ bucket }: S3Parts, { objectKey, media }: UploadRequest) {
  return {
    Key: s3Key(bucket.prefix, objectKey),
    ContentType: media.contentType,
    ContentDisposition: 'attachment',
    Metadata: { [SHA256]: media.sha256 },
  };
}

/** By a carrier that takes it, or from here. */
async function put(
  parts: S3Parts,
  request: UploadRequest,
  waiting: Waiting,
  condition: Condition,
): Promise<Told<'PutObject'>> {
  const { byteSize, sha256 } = request.media;
  const input = {
    ...aboutObject(parts, request),
    ...condition,
    ContentLength: byteSize,
    ChecksumSHA256: base64OfHex(sha256),
  };
  const carried = await carryPut(parts, request, waiting, input);
  if (carried !== undefined) return carried;
  return call(parts, 'PutObject', input, {
    signal: waiting.signal,
    onSent: waiting.onProgress,
    asksFirst: !parts.learnt.isKnown,
    piece: pieceOf(request, 0, byteSize),
    sha256,
  });
}

/** Progress never goes back, also where all is sent again. */
function forwardOnly(context: UploadContext): Waiting {
  let most = 0;
  return {
    signal: context.signal,
    onProgress(bytes) {
      if (bytes <= most) return;
      most = bytes;
      context.onProgress(bytes);
    },
  };
}
