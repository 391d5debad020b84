import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadRequest } from '../../../ports/remote.ts';
import { s3Key } from '../s3-keys.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { type Piece, pieceOf } from '../transport/piece.ts';
import { sha256Of } from './hex.ts';
import type { PartPlan, Session } from './part-plan.ts';
import { call, type S3Parts } from './send.ts';

/** Small steps, so that progress is seen on a slow link too. */
const STEP_BYTES = 64 * 1024;

/**
 * Sends the parts that are missing in `etags`, several at a time, and notes them there. They are read one after the other:
 * the file is hashed on the way where it is read from its beginning on. A fault that may pass lets those under way come to
 * their end: what they have sent is not sent again.
 */
export async function sendParts(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
  session: Session,
  plan: PartPlan,
  etags: Map<number, string>,
): Promise<Fault | null> {
  const { partsAtOnce = 4 } = parts.options;
  const missing = Array.from({ length: plan.count }, (_, index) => index + 1).filter(
    (number) => !etags.has(number),
  );
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const progress = progressOf(context, plan, etags);
  let failed: Fault | null = null;
  let reading: Promise<unknown> = Promise.resolve();

  const fail = (reason: Fault): void => {
    failed ??= reason;
    if (reason.class !== 'retryable') stop.abort();
  };
  const readInOrder = (number: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = reading.then(() => readPart(request, plan, number, signal));
    reading = bytes.catch(() => {});
    return bytes;
  };
  const sendOne = async (number: number): Promise<void> => {
    const bytes = await readInOrder(number);
    if (failed !== null) return;
    const told = await call(
      parts,
      'UploadPart',
      {
        Key: s3Key(parts.bucket.prefix, session.objectKey),
        UploadId: session.uploadId,
        PartNumber: number,
        ContentLength: bytes.byteLength,
      },
      {
        signal,
        piece: inSteps(bytes),
        sha256: await sha256Of(bytes),
        onSent: (sent) => progress.sent(number, sent),
      },
    );
    if (!told.ok) return fail(told);
    const { ETag } = told.output;
    if (ETag === undefined) return fail(NO_ETAG);
    etags.set(number, ETag);
    progress.taken(number, bytes.byteLength);
  };
  const worker = async (): Promise<void> => {
    for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
      if (failed !== null || signal.aborted) return;
      try {
        await sendOne(number);
      } catch (error) {
        if (!(error instanceof FaultSignal)) stop.abort();
        if (!(error instanceof FaultSignal)) throw error;
        fail(error.fault);
      }
    }
  };

  const workers = Array.from({ length: Math.min(partsAtOnce, missing.length) }, worker);
  const ended = await Promise.allSettled(workers);
  const broken = ended.find((one) => one.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  return failed;
}

async function readPart(
  request: UploadRequest,
  plan: PartPlan,
  number: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { start, end } = plan.rangeOf(number);
  const bytes = new Uint8Array(end - start);
  if (signal.aborted) return bytes; // nothing of it is sent
  let at = 0;
  for await (const chunk of pieceOf(request, start, end).open()) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function inSteps(bytes: Uint8Array): Piece {
  return {
    size: bytes.byteLength,
    async *open() {
      for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
        yield bytes.subarray(at, at + STEP_BYTES);
      }
    },
  };
}

/** The sum over all parts; what is sent again counts once. */
function progressOf(context: UploadContext, plan: PartPlan, etags: ReadonlyMap<number, string>) {
  const bySent = new Map(Array.from(etags.keys(), (number) => [number, plan.sizeOf(number)]));
  let total = Array.from(bySent.values()).reduce((sum, size) => sum + size, 0);
  let confirmed = total;
  if (total > 0) context.onProgress(total, confirmed);
  /** @returns whether it is more than was told. */
  const add = (number: number, bytes: number): boolean => {
    const more = bytes - (bySent.get(number) ?? 0);
    if (more <= 0) return false;
    bySent.set(number, bytes);
    total += more;
    return true;
  };
  return {
    sent(number: number, bytes: number): void {
      if (add(number, bytes)) context.onProgress(total);
    },
    /** It has a name at the store: it stays there. */
    taken(number: number, bytes: number): void {
      add(number, bytes);
      confirmed += bytes;
      context.onProgress(total, confirmed);
    },
  };
}

const NO_ETAG = fault('retryable', 'bad_answer', 'The store did not name a part that it took.');
