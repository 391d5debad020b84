import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadOutcome, UploadRequest } from '../../../ports/remote.ts';
import type { Answer } from '../transport/exchange.ts';
import { aborted, fault, faultOf } from '../transport/faults.ts';
import { withoutQuery } from '../transport/places.ts';
import { isHtml } from '../transport/statuses.ts';
import { carry, isOfBefore, takeCarried } from './carried.ts';
import { foundIn, isPage, isSame } from './found.ts';
import { canLook, lookFor } from './look.ts';
import { type Attempted, atMostOnce } from './once.ts';
import type { HttpFound } from './options.ts';
import { type HttpParts, locatorOf, placeOf } from './parts.ts';
import { isRepeatable, methodOf, type Sent, send } from './send.ts';

/**
 * One attempt: one request, where all goes well. A repeated attempt looks for the object first; an answer that leaves a
 * doubt is followed by a look (contract 4.2, 4.4).
 */
export async function uploadByHttp(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
): Promise<UploadOutcome> {
  if (context.signal.aborted) return aborted;
  try {
    const ended = await takeCarried(parts, request, context);
    // What ended then says nothing of now, but that it has left nothing there.
    const carried = ended === undefined || isOfBefore(parts, request, ended) ? undefined : ended;
    const met = context.rerun && carried === undefined ? await meet(parts, request, context) : null;
    if (met !== null) return met;
    const run = async (beforeSending: () => Promise<void>): Promise<Attempted> =>
      judge(
        parts,
        request,
        context,
        carried ?? (await attempt(parts, request, context, beforeSending)),
      );
    if (isRepeatable(parts)) return (await run(async () => {})).outcome;
    return await atMostOnce(context, run, ended !== undefined);
  } catch (error) {
    return context.signal.aborted ? aborted : faultOf(error);
  }
}

/** Looks for what an earlier attempt may have left. Null: send. */
async function meet(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
): Promise<UploadOutcome | null> {
  if (!canLook(parts)) return null;
  const { objectKey, media } = request;
  const looked = await lookFor(parts, objectKey, media, context.signal);
  if (!looked.ok) {
    // A PUT of the same bytes to the same place is as good as a look: where a server lets nobody look, and where nobody can
    // tell a portal's page from half of the one that was captured.
    const isVain =
      looked.class === 'terminal' || (looked.code === 'not_the_remote' && isPage(media));
    return isVain && methodOf(parts) === 'PUT' ? null : looked;
  }
  const { found } = looked;
  if (found === null) return null;
  // What an interrupted PUT left is replaced by a whole one; nothing else can be.
  const isReplaceable = methodOf(parts) === 'PUT' && parts.options.ifNoneMatch !== true;
  const isKnown = found.byteSize !== undefined || found.sha256 !== undefined;
  if (!isKnown && isReplaceable) return null;
  if (isSame(found, media)) return received(parts, request, context, found);
  return isReplaceable ? null : OTHER_CONTENT;
}

async function attempt(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  beforeSending: () => Promise<void>,
): Promise<Sent> {
  const { objectKey, media } = request;
  const place = () => placeOf(parts, { operation: 'send', objectKey, media }, context.signal);
  return (
    (await carry(parts, request, context, place, beforeSending)) ??
    (await send(parts, request, context, await place(), beforeSending))
  );
}

async function judge(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  { told, answer, isUnknown }: Sent,
): Promise<Attempted> {
  const { objectKey, media } = request;
  if (!told.ok) {
    const doubt = answer === undefined ? undefined : doubtOf(answer, told);
    return { outcome: doubt ? await settle(parts, request, context, doubt) : told, isUnknown };
  }
  if (told.answer.status === 202) {
    const outcome = await settle(parts, request, context, NOT_YET);
    return { outcome, isUnknown: !outcome.ok };
  }
  const found = await foundIn(parts, 'send', objectKey, told.answer, context.signal);
  if (!isSame(found, media)) return { outcome: DAMAGED, isUnknown: false };
  const outcome = await received(parts, request, context, {
    ...placed(parts, told.answer.url),
    ...found,
  });
  return { outcome, isUnknown: false };
}

/** What an answer comes to when a look finds no object, or another one. Undefined: it leaves no doubt. */
interface Doubt {
  /** Nobody can look. */
  readonly blind: Fault;
  readonly absent: Fault;
  readonly other: Fault;
}

function doubtOf({ status, headers }: Answer, told: Fault): Doubt | undefined {
  // Apache says 201 with a page (mod_dav), and no portal does: the object tells which it was.
  if (status === 201 && isHtml(headers)) return { blind: told, absent: told, other: DAMAGED };
  if (told.code !== 'conflict') return undefined;
  // Refused since it is there, and it is not there: it went away in between.
  return { blind: told, absent: status === 412 ? WENT_AWAY : told, other: OTHER_CONTENT };
}

async function settle(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  doubt: Doubt,
): Promise<UploadOutcome> {
  if (!canLook(parts)) return doubt.blind;
  const looked = await lookFor(parts, request.objectKey, request.media, context.signal);
  if (!looked.ok) return looked;
  if (looked.found === null) return doubt.absent;
  if (!isSame(looked.found, request.media)) return doubt.other;
  return received(parts, request, context, looked.found);
}

/** A form's server chooses the place: its own address is that of the form. */
function placed({ options }: HttpParts, url: string): HttpFound {
  return options.form === undefined ? { url: withoutQuery(url) } : {};
}

async function received(
  parts: HttpParts,
  { objectKey, media }: UploadRequest,
  { signal }: UploadContext,
  found: HttpFound,
): Promise<UploadOutcome> {
  let { url } = found;
  if (url === undefined) {
    const looked = await lookFor(parts, objectKey, media, signal);
    if (looked.ok) url = looked.found?.url;
  }
  if (url === undefined) return NO_PLACE;
  const { token = null, byteSize = media.byteSize, sha256 } = found;
  const receipt = { url: await locatorOf(parts, objectKey, url, signal), token, byteSize };
  return { ok: true, receipt: sha256 === undefined ? receipt : { ...receipt, sha256 } };
}

const notStored = fault(
  'retryable',
  'not_stored_yet',
  'The server accepted the bytes, and does not have them as an object yet.',
);
const NOT_YET: Doubt = { blind: notStored, absent: notStored, other: notStored };
const DAMAGED = fault(
  'mismatch',
  'checksum_mismatch',
  'The server holds other bytes than were sent.',
);
const OTHER_CONTENT = fault(
  'terminal',
  'other_content',
  'The server holds other bytes in this place, and does not let them be replaced.',
);
const WENT_AWAY = fault('retryable', 'conditional_conflict', 'The object went away in between.');
const NO_PLACE = fault(
  'terminal',
  'location_missing',
  'The server stored the file and did not say where: tell how to `read` its answer, or how to `look`.',
);
