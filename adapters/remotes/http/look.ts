import type { Fault, MediaFacts } from '../../../machines/attachment/types.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import { ask } from '../transport/exchange.ts';
import { aborted, fault, faultOf } from '../transport/faults.ts';
import { withoutQuery } from '../transport/places.ts';
import { foundIn, isThatPage } from './found.ts';
import type { HttpFound } from './options.ts';
import { askApp, type HttpParts, placeOf } from './parts.ts';

/** What a look found; null where there is no object. */
export type Looked = { readonly ok: true; readonly found: HttpFound | null } | Fault;

/** Whether this remote can be asked for an object at all. */
export function canLook({ options }: HttpParts): boolean {
  return (options.look ?? (options.form === undefined ? 'HEAD' : false)) !== false;
}

/**
 * Looks for the object of a key (contract 4.2, field case 19).
 * @param media what it should be, where that is known.
 */
export async function lookFor(
  parts: HttpParts,
  objectKey: ObjectKey,
  media: MediaFacts | null,
  signal: AbortSignal,
): Promise<Looked> {
  const { options } = parts;
  const { look = 'HEAD' } = options;
  if (!canLook(parts)) return blind;
  if (signal.aborted) return aborted;
  try {
    if (typeof look === 'function') {
      return { ok: true, found: await askApp(parts, () => look({ objectKey, signal }), signal) };
    }
    const place = await placeOf(parts, { operation: 'look', objectKey, media }, signal);
    const http: typeof place.http = {
      ...place.http,
      classify: (phase, answer) =>
        media !== null && isThatPage(answer, media) ? null : place.http.classify(phase, answer),
    };
    const told = await ask(http, 'look', {
      method: look || 'HEAD',
      url: place.url,
      headers: options.digest === false ? {} : { 'Want-Repr-Digest': 'sha-256=10' },
      signal,
    });
    if (!told.ok) return told.class === 'absent' ? { ok: true, found: null } : told;
    const found = await foundIn(parts, 'look', objectKey, told.answer, signal);
    return { ok: true, found: { url: withoutQuery(place.url), ...found } };
  } catch (error) {
    return signal.aborted ? aborted : faultOf(error);
  }
}

const blind: Fault = fault(
  'terminal',
  'look_unsupported',
  'This remote has no way to look for an object.',
);
