import type { Fault } from '../../../machines/attachment/types.ts';
import type { Carrier, CarrierResult } from '../../../ports/carrier.ts';
import { isLeftBehind } from '../../../ports/closing.ts';
import { encodeIdPart } from '../../../ports/id-part.ts';
import type { ObjectKey, UploadContext, UploadRequest } from '../../../ports/remote.ts';
import type { Answer } from './exchange.ts';
import { expiryOf } from './expiry.ts';
import { aborted, FaultSignal, fault, sourceFault } from './faults.ts';
import { withoutQuery } from './places.ts';

/** What remotes have in common whose requests may be carried (docs/decisions/0018). */
export interface CarryOptions {
  /**
   * Carries the request with the bytes while the app may be dead, and its next start takes the result: one whose body is
   * the file, so no form and no parts, and none whose bytes lie in no plain file. It goes out with the url and the
   * headers of the moment it was handed over. Default: all is sent from here.
   */
  readonly carrier?: Carrier;
  /** Smaller files are sent from here. Default 0. */
  readonly carryFromBytes?: number;
}

/** How a carried request ended, as its carrier tells it; or that the run was stopped while it waited. */
export type CarriedEnd =
  | { readonly ok: true; readonly note: string; readonly result: CarrierResult }
  | Fault;

/** What a run lends to whoever waits for it. */
export type Waiting = Pick<UploadContext, 'signal' | 'onProgress'>;

/** Ids of tasks become names of files, and of whatever else a system has. */
const LONGEST_ID = 240;

/**
 * The carrier's name for the request of an object: made from the key, so that whoever comes back, in whatever process,
 * meets the transfer that is under way (contract 4.2, 4.3). Nothing has to be stored for that. Undefined: too long.
 */
export function carrierIdOf(objectKey: ObjectKey): string | undefined {
  try {
    const parts = objectKey.split('/').map((part) => encodeIdPart(decodeURIComponent(part)));
    const id = parts.join('.');
    return id.length <= LONGEST_ID ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Waits for the end of a task, and takes it. Undefined: there is none, or it is gone without an end. */
export async function takeEnd(
  carrier: Carrier,
  id: string,
  { media }: UploadRequest,
  { signal, onProgress }: Waiting,
): Promise<CarriedEnd | undefined> {
  const onSent = (bytes: number): void => onProgress(Math.min(bytes, media.byteSize));
  try {
    const found = await carrier.attach(id, { signal, onSent });
    if (found?.result === undefined) return undefined;
    // Whatever it says, this run settles it; one that is killed before that looks at the remote.
    await carrier.cancel(id);
    return { ok: true, note: found.note, result: found.result };
  } catch {
    if (!signal.aborted) return UNHEARD;
    // The app ends, or another process goes on: so does the transfer. Else somebody wants it stopped; where that fails,
    // its result is taken later, or its removal says so.
    if (!isLeftBehind(signal)) await carrier.cancel(id).catch(() => {});
    return aborted;
  }
}

/** Nothing is sent meanwhile: it may be under way. */
export const UNHEARD: Fault = fault(
  'retryable',
  'carrier_failed',
  'The transfer in the background could not be asked for.',
);

/** Where the bytes lie, known to be right; undefined for whom nobody carries. @throws {FaultSignal} */
export async function fileToCarry(
  { carryFromBytes = 0 }: CarryOptions,
  request: UploadRequest,
): Promise<string | undefined> {
  if (request.media.byteSize < carryFromBytes) return undefined;
  try {
    return await request.file?.();
  } catch (error) {
    throw new FaultSignal(sourceFault(error));
  }
}

/** Stops what is carried for an object. @throws {FaultSignal} */
export async function stopCarried({ carrier }: CarryOptions, objectKey: ObjectKey): Promise<void> {
  const id = carrierIdOf(objectKey);
  if (id === undefined) return;
  await carrier?.cancel(id).catch(() => {
    throw new FaultSignal(
      fault('retryable', 'carrier_failed', 'The transfer in the background could not be stopped.'),
    );
  });
}

/**
 * What is carried goes under the credentials that it began with: not after they were forgotten (contract 4.8).
 * @throws what stopping one of them came to, once the others were stopped.
 */
export async function stopAllCarried({ carrier }: CarryOptions): Promise<void> {
  if (carrier === undefined) return;
  const known = await carrier.list();
  const stopped = await Promise.allSettled(known.map(({ id }) => carrier.cancel(id)));
  for (const one of stopped) if (one.status === 'rejected') throw one.reason;
}

/**
 * What is asked about a request when its answer comes: where it leads, and when its signature ends. No secret.
 * @param place default: the url itself, without its query.
 */
export function noteOf(url: string, place: string = withoutQuery(url)): string {
  const until = expiryOf(url);
  return until === undefined ? place : `${place}?exp=${until / 1000}`;
}

/** An answer as if it had been heard here. */
export function answerOf(note: string, result: CarrierResult & { ended: 'answered' }): Answer {
  const { status, body } = result;
  const headers = new Headers(result.headers.map(([name, value]) => [name, value]));
  return { url: URL.canParse(note) ? note : '', status, headers, body };
}

/**
 * When an answer came, as well as this device can tell: somewhere between the beginning of its request and now, and there as
 * near as can be to the time that it tells itself. So it says that a clock is wrong only where nothing else explains it.
 * @param begunAtMs default: nobody knows, since an earlier run began it.
 */
export function heardAtMs(
  { headers }: Pick<Answer, 'headers'>,
  nowMs: number,
  begunAtMs: number = Number.NEGATIVE_INFINITY,
): number {
  const servedMs = Date.parse(headers.get('Date') ?? '');
  return Number.isNaN(servedMs) ? nowMs : Math.min(nowMs, Math.max(begunAtMs, servedMs));
}

export function faultOfCarrier(code: string): Fault {
  const isFinal = code === 'source_missing' || code === 'source_changed';
  const message = `The transfer in the background failed (${code}).`;
  return fault(isFinal ? 'terminal' : 'retryable', code, message);
}

/** The next attempt looks at the remote, as after any request that nobody answered. */
export const CARRIER_LOST: Fault = fault(
  'retryable',
  'carrier_lost',
  'The transfer in the background is gone.',
);
