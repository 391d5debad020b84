import type { Fault } from '../../../machines/attachment/types.ts';
import type { Carrier, CarrierResult } from '../../../ports/carrier.ts';
import { isLeftBehind } from '../../../ports/closing.ts';
import type { ObjectKey, UploadContext, UploadRequest } from '../../../ports/remote.ts';
import { type Answer, appHeaders } from '../transport/exchange.ts';
import { expiryOf } from '../transport/expiry.ts';
import { aborted, FaultSignal, fault, sourceFault } from '../transport/faults.ts';
import { withoutQuery } from '../transport/places.ts';
import { type HttpParts, objectPath, type Place } from './parts.ts';
import { headersOf, isOpen, methodOf, type Sent } from './send.ts';

/** Ids of tasks become names of files, and of whatever else a system has. */
const LONGEST_ID = 240;

/**
 * The carrier's name for the request of an object: made from the key, so that whoever comes back, in whatever process,
 * meets the transfer that is under way (contract 4.2, 4.3). Nothing has to be stored for that. Undefined: too long.
 */
function carrierIdOf(objectKey: ObjectKey): string | undefined {
  const id = objectPath(objectKey).replace('/', '.');
  return id.length <= LONGEST_ID ? id : undefined;
}

/** Takes the end of a transfer that an earlier run started, once it has one. Undefined: there is none. */
export async function takeCarried(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
): Promise<Sent | undefined> {
  const { carrier } = parts.options;
  const id = carrierIdOf(request.objectKey);
  return carrier === undefined || id === undefined
    ? undefined
    : take(parts, carrier, id, request, context);
}

/**
 * Has the request carried, and waits for its end. Undefined: it is sent from here, since nobody carries it: a form, a small
 * file, one that does not lie in the open, or a carrier that fails.
 */
export async function carry(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  place: Place,
  beforeSending: () => Promise<void>,
): Promise<Sent | undefined> {
  const { carrier, carryFromBytes = 0, form } = parts.options;
  const { byteSize } = request.media;
  const id = carrierIdOf(request.objectKey);
  if (carrier === undefined || form !== undefined || byteSize < carryFromBytes) return undefined;
  const file = id === undefined ? undefined : await fileOf(request);
  if (id === undefined || file === undefined || context.signal.aborted) return undefined;
  const headers = await appHeaders(place.http, context.signal);
  for (const [name, value] of Object.entries(headersOf(parts, request, context, undefined))) {
    headers.set(name, value);
  }
  const { url } = place;
  await beforeSending();
  try {
    await carrier.start({
      id,
      method: methodOf(parts),
      url,
      headers: Object.fromEntries(headers),
      file,
      byteSize,
      note: noteOf(url),
    });
  } catch {
    return undefined;
  }
  return (await take(parts, carrier, id, request, context)) ?? LOST;
}

/** The next attempt looks at the remote, as after any request that nobody answered. */
const LOST: Sent = {
  told: fault('retryable', 'carrier_lost', 'The transfer in the background is gone.'),
  answer: undefined,
  isUnknown: true,
};

/** Stops what is carried for an object. */
export async function stopCarried({ options }: HttpParts, objectKey: ObjectKey): Promise<void> {
  const id = carrierIdOf(objectKey);
  if (id === undefined) return;
  await options.carrier?.cancel(id).catch(() => {
    throw new FaultSignal(
      fault('retryable', 'carrier_failed', 'The transfer in the background could not be stopped.'),
    );
  });
}

async function take(
  parts: HttpParts,
  carrier: Carrier,
  id: string,
  { media }: UploadRequest,
  context: UploadContext,
): Promise<Sent | undefined> {
  const { signal } = context;
  const onSent = (bytes: number): void => context.onProgress(Math.min(bytes, media.byteSize));
  try {
    const found = await carrier.attach(id, { signal, onSent });
    if (found?.result === undefined) return undefined;
    // Whatever it says, this run settles it; one that is killed before that looks at the remote.
    await carrier.cancel(id);
    return sentOf(parts, found.note, found.result);
  } catch (error) {
    if (!signal.aborted) throw error;
    // The app ends, or another process goes on: so does the transfer. Else somebody wants it stopped.
    if (!isLeftBehind(signal)) await carrier.cancel(id);
    return { told: aborted, answer: undefined, isUnknown: true };
  }
}

function sentOf({ http }: HttpParts, note: string, result: CarrierResult): Sent {
  if (result.ended === 'failed') {
    const { code, mayHaveArrived } = result;
    return { told: faultOfCode(code), answer: undefined, isUnknown: mayHaveArrived };
  }
  const { status, body } = result;
  const headers = new Headers(result.headers.map(([name, value]) => [name, value]));
  const answer: Answer = { url: urlIn(note), status, headers, body };
  const told = http.classify('send', answer) ?? { ok: true, answer };
  return { told, answer, isUnknown: !told.ok && isOpen(status) };
}

function faultOfCode(code: string): Fault {
  const isFinal = code === 'source_missing' || code === 'source_changed';
  const message = `The transfer in the background failed (${code}).`;
  return fault(isFinal ? 'terminal' : 'retryable', code, message);
}

/** The bytes as a file, known to be right; undefined where they lie in none. @throws {FaultSignal} */
async function fileOf(request: UploadRequest): Promise<string | undefined> {
  try {
    return await request.file?.();
  } catch (error) {
    throw new FaultSignal(sourceFault(error));
  }
}

/** What is asked about a url when its answer comes: where it leads, and when its signature ends. No secret. */
function noteOf(url: string): string {
  const until = expiryOf(url);
  return until === undefined ? withoutQuery(url) : `${withoutQuery(url)}?exp=${until / 1000}`;
}

function urlIn(note: string): string {
  return URL.canParse(note) ? note : '';
}
