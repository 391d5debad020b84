import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadOutcome, UploadRequest } from '../../../ports/remote.ts';
import { s3Key } from '../s3-keys.ts';
import { aborted, fault } from '../transport/faults.ts';
import { abortUpload, lostUpload } from './leftovers.ts';
import { checkpointOf, dropForeign, isNotedPlan, listParts } from './list-parts.ts';
import {
  etagOf,
  isSame,
  isSameTag,
  lookAt,
  meet,
  OTHER_CONTENT,
  receiptOf,
  WENT_AWAY,
} from './look.ts';
import {
  type PartETags,
  type PartPlan,
  planParts,
  type Session,
  SMALLEST_PART_BYTES,
} from './part-plan.ts';
import { aboutObject, type Condition, conditionOf, isConditionRefused } from './put.ts';
import { call, type S3Parts, type Told } from './send.ts';
import { sendParts } from './send-parts.ts';

/**
 * One attempt in parts. It goes on where an earlier one stood; a session that is over was completed by an attempt whose
 * answer was lost, or reaped by the store: the object tells, else it begins again, once.
 */
export async function uploadInParts(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
): Promise<UploadOutcome> {
  const { signal } = context;
  if (context.rerun) {
    const met = await meet(parts, request, signal);
    if (met !== null) return met;
  }
  let { handle } = context;
  let isEmpty = false;
  if (handle === null && context.rerun) {
    handle = await lostUpload(parts, request.objectKey, signal);
    // Nothing was sent under a name that nobody knew: what should be there all the same is sent over.
    isEmpty = true;
    if (handle !== null) {
      const session: Session = { objectKey: request.objectKey, uploadId: handle };
      await keep(context, session, planOf(parts, request));
    }
  }
  for (let lost = 0; ; lost++) {
    const outcome = await oneSession(parts, request, context, handle, isEmpty);
    if (outcome.ok || outcome.class !== 'resume_lost') return outcome;
    const met = await meet(parts, request, signal);
    if (met !== null || lost > 0) return met ?? outcome;
    handle = null;
  }
}

async function oneSession(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
  handle: string | null,
  isEmpty: boolean,
): Promise<UploadOutcome> {
  const { objectKey } = request;
  const { signal } = context;
  if (signal.aborted) return aborted;
  const plan = planOf(parts, request);
  const begun =
    handle === null
      ? await create(parts, request, context, plan)
      : ({ ok: true, uploadId: handle } as const);
  if (!begun.ok) return begun;
  const session: Session = { objectKey, uploadId: begun.uploadId };
  let etags = new Map<number, string>();
  if (handle !== null && !isEmpty) {
    const listed = await listParts(parts, session, plan, signal);
    if (!listed.ok) return listed;
    const noted = await context.checkpoint.load();
    if (!listed.isOfPlan && !isNotedPlan(session, plan, noted)) {
      // Some may look like parts of this plan, and hold other bytes.
      await abortUpload(parts, session, signal);
      return CUT_OTHERWISE;
    }
    dropForeign(listed.etags, session, noted);
    etags = listed.etags;
  }
  for (let refused = 0; ; refused++) {
    const trouble = await sendAll(parts, request, context, session, plan, etags);
    if (trouble !== null || signal.aborted) {
      return interrupted(context, session, plan, etags, trouble ?? aborted);
    }
    const outcome = await complete(parts, request, context, session, plan, etags);
    if (outcome.ok) return outcome;
    if (outcome.code === 'conflict') {
      const met = await meet(parts, request, signal);
      // Begun by this run, so that no other request can be completing it. What can not be ended is collected later.
      if (met?.ok === true && handle === null) await abortUpload(parts, session, signal);
      return met ?? interrupted(context, session, plan, etags, WENT_AWAY);
    }
    if (outcome.code === 'part_too_small') {
      // Cut by other rules than this store's: nobody goes on with it.
      await abortUpload(parts, session, signal);
      return outcome;
    }
    if (outcome.code !== 'part_refused' || refused > 0) {
      return interrupted(context, session, plan, etags, outcome);
    }
    // The store has other parts than it said: its own list is the truth.
    const listed = await listParts(parts, session, plan, signal);
    if (!listed.ok) return listed;
    for (const [number, etag] of etags) {
      if (isSameTag(listed.etags.get(number), etag)) continue;
      listed.etags.delete(number);
    }
    if (listed.etags.size === plan.count) return { ...outcome, class: 'resume_lost' };
    etags = listed.etags;
  }
}

/** The store's name for the upload is durable before the first part leaves (contract 4.2). */
async function create(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
  plan: PartPlan,
): Promise<{ readonly ok: true; readonly uploadId: string } | Fault> {
  const { signal } = context;
  const told = await call(parts, 'CreateMultipartUpload', aboutObject(parts, request), { signal });
  if (!told.ok) return told;
  const { UploadId } = told.output;
  if (!UploadId) return NO_NAME;
  await keep(context, { objectKey: request.objectKey, uploadId: UploadId }, plan);
  return { ok: true, uploadId: UploadId };
}

/** How it is cut is durable with its name, in one commit: parts of another size hold other bytes under the same numbers. */
async function keep(context: UploadContext, session: Session, plan: PartPlan): Promise<void> {
  await Promise.all([
    context.opened(session.uploadId),
    context.checkpoint.save(checkpointOf(session, plan, new Map())),
  ]);
}

function planOf({ options }: S3Parts, { media }: UploadRequest): PartPlan {
  return planParts(media.byteSize, options.partSizeBytes ?? SMALLEST_PART_BYTES);
}

async function complete(
  parts: S3Parts,
  request: UploadRequest,
  context: UploadContext,
  session: Session,
  plan: PartPlan,
  etags: PartETags,
): Promise<UploadOutcome> {
  const { objectKey, media } = request;
  const { signal } = context;
  const ask = (having: Condition): Promise<Told<'CompleteMultipartUpload'>> =>
    call(
      parts,
      'CompleteMultipartUpload',
      {
        Key: s3Key(parts.bucket.prefix, objectKey),
        UploadId: session.uploadId,
        ...having,
        MultipartUpload: {
          Parts: Array.from({ length: plan.count }, (_, index) => ({
            PartNumber: index + 1,
            ETag: etags.get(index + 1) ?? '',
          })),
        },
      },
      { signal },
    );
  const condition = conditionOf(parts);
  let told = await ask(condition);
  if (!told.ok && isConditionRefused(parts, condition, told)) {
    told = await ask({});
    if (told.ok) parts.learnt.refusesConditions = true; // else it may have been something else
  }
  if (!told.ok) return told;
  const token = etagOf(told.output.ETag);
  // The number of parts stands in it: the store has put together what was named. Ceph may leave it out.
  if (token?.endsWith(`-${plan.count}`)) {
    return receiptOf(parts, objectKey, { byteSize: media.byteSize, sha256: null, token });
  }
  const looked = await lookAt(parts, objectKey, signal);
  if (!looked.ok) return looked;
  if (looked.found === null) return NOT_THERE;
  return isSame(looked.found, media) ? receiptOf(parts, objectKey, looked.found) : OTHER_CONTENT;
}

/** A link that breaks again and again, and lets a part through each time, gets a large file there in one attempt. */
async function sendAll(...given: Parameters<typeof sendParts>): Promise<Fault | null> {
  const [, , context, , , etags] = given;
  for (;;) {
    const before = etags.size;
    const trouble = await sendParts(...given);
    const isGoingOn = trouble?.code === 'network' && etags.size > before;
    if (!isGoingOn || context.signal.aborted) return trouble;
  }
}

/** Notes what was sent, for the next attempt. */
async function interrupted(
  context: UploadContext,
  session: Session,
  plan: PartPlan,
  etags: PartETags,
  outcome: Fault,
): Promise<Fault> {
  const isOver = outcome.class === 'resume_lost';
  if (etags.size > 0 && !isOver && !context.signal.aborted) {
    await context.checkpoint.save(checkpointOf(session, plan, etags));
  }
  return outcome;
}

const CUT_OTHERWISE = fault(
  'resume_lost',
  'parts_cut_otherwise',
  'The parts that the store has may be of another size than those of now.',
);
const NO_NAME = fault('retryable', 'bad_answer', 'The store began an upload and did not name it.');
const NOT_THERE = fault(
  'retryable',
  'object_missing',
  'The store said that it has put the object together, and has none.',
);
