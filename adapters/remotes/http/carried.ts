import type { Carrier } from '../../../ports/carrier.ts';
import type { UploadContext, UploadRequest } from '../../../ports/remote.ts';
import {
  answerOf,
  CARRIER_LOST,
  type CarriedEnd,
  carrierIdOf,
  faultOfCarrier,
  fileToCarry,
  heardAtMs,
  noteOf,
  takeEnd,
} from '../transport/carried.ts';
import { appHeaders } from '../transport/exchange.ts';
import { expiryOf } from '../transport/expiry.ts';
import { type HandedOver, handOver, isOfThen, SHORTEST_LIFE_MS } from '../transport/hand-over.ts';
import { withoutQuery } from '../transport/places.ts';
import { defaultUrl, type HttpParts, type Place } from './parts.ts';
import { headersOf, isOpen, methodOf, type Sent } from './send.ts';
import { classifyHttp } from './table.ts';

/** Takes the end of a transfer that an earlier run started, once it has one. Undefined: there is none. */
export async function takeCarried(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
): Promise<Sent | undefined> {
  const { carrier } = parts.options;
  const id = carrierIdOf(request.objectKey);
  if (carrier === undefined || id === undefined) return undefined;
  const end = await takeEnd(carrier, id, request, context);
  return end && sentOf(parts, end, undefined);
}

/**
 * Whether the end of an earlier run's request says nothing of the place of now: it was refused for credentials, which may be
 * others by now, or it went to another server, which the app had before.
 */
export function isOfBefore(
  { options, endpoint }: HttpParts,
  { objectKey }: UploadRequest,
  { told, answer }: Sent,
): boolean {
  if (isOfThen(told)) return true;
  if (answer === undefined || options.address !== undefined) return false; // only the app knows where that may be
  return answer.url.split('?')[0] !== withoutQuery(defaultUrl(endpoint, objectKey));
}

/**
 * Has the request carried, and waits for its end. Undefined: it is sent from here, since nobody carries it: a form, a small
 * file, one that does not lie in the open, or a carrier that fails.
 * @param placeOf gives the place of each request that is made.
 */
export async function carry(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  placeOf: () => Promise<Place>,
  beforeSending: () => Promise<void>,
): Promise<Sent | undefined> {
  const { carrier, form } = parts.options;
  const id = carrierIdOf(request.objectKey);
  if (carrier === undefined || form !== undefined || id === undefined) return undefined;
  const file = await fileToCarry(parts.options, request);
  if (file === undefined) return undefined;
  const order = async () => {
    const place = await placeOf();
    return carryOnce(parts, request, context, { carrier, id, file, place, beforeSending });
  };
  return handOver(order, { setsClock: false });
}

interface Order {
  readonly carrier: Carrier;
  readonly id: string;
  readonly file: string;
  readonly place: Place;
  readonly beforeSending: () => Promise<void>;
}

/** Undefined: nobody took it. */
async function carryOnce(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  { carrier, id, file, place, beforeSending }: Order,
): Promise<HandedOver<Sent> | undefined> {
  const { clock } = parts.http;
  if (context.signal.aborted) return undefined;
  const headers = await appHeaders(place.http, context.signal);
  for (const [name, value] of Object.entries(headersOf(parts, request, context, undefined))) {
    headers.set(name, value);
  }
  const { url } = place;
  await beforeSending();
  const begunAtMs = clock.now();
  try {
    await carrier.start({
      id,
      method: methodOf(parts),
      url,
      headers: Object.fromEntries(headers),
      file,
      byteSize: request.media.byteSize,
      note: noteOf(url),
    });
  } catch {
    return undefined;
  }
  const end = await takeEnd(carrier, id, request, context);
  const sent = end === undefined ? LOST : sentOf(parts, end, begunAtMs);
  const untilMs = expiryOf(url) ?? Number.POSITIVE_INFINITY;
  return {
    end: sent,
    told: sent.told,
    tookMs: clock.now() - begunAtMs,
    lifeMs: Math.max(SHORTEST_LIFE_MS, untilMs - begunAtMs),
  };
}

const LOST: Sent = { told: CARRIER_LOST, answer: undefined, isUnknown: true };

function sentOf({ http }: HttpParts, end: CarriedEnd, begunAtMs: number | undefined): Sent {
  if (!end.ok) return { told: end, answer: undefined, isUnknown: true };
  const { note, result } = end;
  if (result.ended === 'failed') {
    const { code, mayHaveArrived } = result;
    return { told: faultOfCarrier(code), answer: undefined, isUnknown: mayHaveArrived };
  }
  const answer = answerOf(note, result);
  const atMs = heardAtMs(answer, http.clock.now(), begunAtMs);
  const told = classifyHttp('send', answer, atMs) ?? { ok: true, answer };
  return { told, answer, isUnknown: !told.ok && isOpen(answer.status) };
}
