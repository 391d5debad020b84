import type { Fault } from '../../../machines/attachment/types.ts';

/** How a request ended that a carrier took. */
export interface HandedOver<End> {
  readonly end: End;
  readonly told: { readonly ok: true } | Fault;
  /** How long it took, most of which it may have waited. */
  readonly tookMs: number;
  /** How long after it was made it may begin, by its signature. */
  readonly lifeMs: number;
}

/** Less would be a url that nobody meant to be carried. */
export const SHORTEST_LIFE_MS = 60_000;
/** Credentials of so long ago may have been replaced since. */
const LONG_AGO_MS = 15 * 60_000;
/** More in a row would be a signer whose clock is wrong, behind a slow carrier. */
const MOST_ORDERS = 10;

/**
 * Whether a refusal says nothing of now where its request is one of an earlier run: its signature or its credentials may
 * have run out while it waited, or been revoked, or been made by a wrong clock (contract 4.4).
 */
export function isOfThen(told: { readonly ok: true } | Fault): boolean {
  return !told.ok && (told.class === 'auth' || told.code === 'forbidden');
}

/** Whether another signature may be all that it lacks. */
export function isOutdated({ code }: Fault): boolean {
  return code === 'clock_skewed' || code === 'url_expired';
}

/**
 * Hands a request over, and waits for its end. One that waited for longer than its signature lives, and was refused for that,
 * is made anew and handed over again: nobody did anything wrong. So is, once, one that waited for long and was refused for
 * its credentials. Undefined: nobody takes it.
 * @param order makes the request, with the credentials of the moment.
 * @param options `setsClock`: a refusal may have set the clock by which requests are signed here.
 */
export async function handOver<End>(
  order: () => Promise<HandedOver<End> | undefined>,
  { setsClock }: { readonly setsClock: boolean },
): Promise<End | undefined> {
  let wasJustMade = false;
  for (let nth = 1; ; nth++) {
    const ended = await order();
    if (ended === undefined) return undefined;
    const { end, told, tookMs, lifeMs } = ended;
    if (told.ok || told.class !== 'auth') return end;
    if (!isOutdated(told)) {
      if (nth > 1 || tookMs < LONG_AGO_MS) return end;
    } else if (tookMs >= lifeMs) {
      if (nth >= MOST_ORDERS) return end;
    } else {
      if (!setsClock || wasJustMade) return end;
      wasJustMade = true;
    }
  }
}
