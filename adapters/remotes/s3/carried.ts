import type { UploadRequest } from '../../../ports/remote.ts';
import {
  answerOf,
  CARRIER_LOST,
  type CarriedEnd,
  carrierIdOf,
  faultOfCarrier,
  fileToCarry,
  noteOf,
  takeEnd,
  type Waiting,
} from '../transport/carried.ts';
import { FaultSignal } from '../transport/faults.ts';
import { type HandedOver, handOver, isOfThen, SHORTEST_LIFE_MS } from '../transport/hand-over.ts';
import type { Shapes } from './operations.ts';
import { HEADERS_LIFE_MS } from './presign.ts';
import { type S3Parts, signed, type Told } from './send.ts';

/**
 * Takes the end of a PUT that an earlier run handed over, once it has one. Undefined: there is none, or its signature or
 * its credentials were refused, which says nothing of those of now, and so is no refusal (contract 4.4).
 */
export async function takeCarried(
  parts: S3Parts,
  request: UploadRequest,
  context: Waiting,
): Promise<Told<'PutObject'> | undefined> {
  const { carrier } = parts.options;
  const id = carrierIdOf(request.objectKey);
  if (carrier === undefined || id === undefined) return undefined;
  const end = await takeEnd(carrier, id, request, context);
  // Of a bucket that this app had before.
  if (end === undefined || (end.ok && !isHere(parts, request, end.note))) return undefined;
  const told = toldOf(parts, end, undefined);
  return isOfThen(told) ? undefined : told;
}

/** Has a PUT carried, and waits for its end. Undefined: it is sent from here. */
export async function carryPut(
  parts: S3Parts,
  request: UploadRequest,
  context: Waiting,
  input: Shapes['PutObject']['input'],
): Promise<Told<'PutObject'> | undefined> {
  const { learnt, options } = parts;
  // Perhaps it refused the condition, and closed the connection on the rest: from here it can be asked first.
  if (options.carrier === undefined || (learnt.wasCutOff && !learnt.isKnown)) return undefined;
  try {
    const file = await fileToCarry(options, request);
    if (file === undefined) return undefined;
    // Its answer may have set the clock by which the next one is signed.
    return await handOver(() => carryOnce(parts, request, context, { input, file }), {
      setsClock: true,
    });
  } catch (error) {
    if (error instanceof FaultSignal) return error.fault;
    throw error;
  }
}

/** Undefined: nobody took it. @throws {FaultSignal} */
async function carryOnce(
  parts: S3Parts,
  request: UploadRequest,
  context: Waiting,
  { input, file }: { readonly input: Shapes['PutObject']['input']; readonly file: string },
): Promise<HandedOver<Told<'PutObject'>> | undefined> {
  const { learnt, options } = parts;
  const { clock } = parts.http;
  const { objectKey, media } = request;
  const id = carrierIdOf(objectKey);
  if (options.carrier === undefined || id === undefined) return undefined;
  const { signal } = context;
  const asked = { signal, sha256: media.sha256, isCarried: true };
  const { url, headers } = await signed(parts, 'PutObject', input, asked);
  if (signal.aborted) return undefined;
  headers.delete('content-length'); // who sends the file says how long it is
  const begunAtMs = clock.now();
  try {
    await options.carrier.start({
      id,
      method: 'PUT',
      url: url.href,
      headers: Object.fromEntries(headers),
      file,
      byteSize: media.byteSize,
      note: noteOf(url.href, parts.bucket.addressOf(objectKey)),
    });
  } catch {
    return undefined;
  }
  const end = await takeEnd(options.carrier, id, request, context);
  if (end?.ok === true && end.result.ended === 'failed' && end.result.code === 'network') {
    learnt.wasCutOff ||= 'IfNoneMatch' in input;
  }
  const told = end === undefined ? CARRIER_LOST : toldOf(parts, end, begunAtMs);
  return {
    end: told,
    told,
    tookMs: clock.now() - begunAtMs,
    lifeMs: lifeMsOf(url),
  };
}

/** As S3 checks it: within a quarter of an hour of the time in the headers, or as long as a presigned url says. */
function lifeMsOf(url: URL): number {
  const seconds = url.searchParams.get('X-Amz-Expires') ?? '';
  if (!/^\d{1,7}$/.test(seconds)) return HEADERS_LIFE_MS;
  return Math.max(SHORTEST_LIFE_MS, Number(seconds) * 1000);
}

function isHere({ bucket }: S3Parts, { objectKey }: UploadRequest, note: string): boolean {
  return note.split('?')[0] === bucket.addressOf(objectKey);
}

/** What the end of a carried PUT means, as that of one that was sent from here. */
function toldOf(parts: S3Parts, end: CarriedEnd, begunAtMs: number | undefined): Told<'PutObject'> {
  if (!end.ok) return end;
  const { note, result } = end;
  if (result.ended === 'failed') return faultOfCarrier(result.code);
  const answer = answerOf(note, result);
  const reason = parts.judge('PutObject', answer, begunAtMs);
  if (reason !== null) return reason;
  const ETag = answer.headers.get('ETag') ?? undefined;
  const ChecksumSHA256 = answer.headers.get('x-amz-checksum-sha256') ?? undefined;
  return { ok: true, output: { ETag, ChecksumSHA256, $metadata: {} } };
}
