import type { Fault } from '../../../machines/attachment/types.ts';
import { systemClock } from '../../../ports/clock.ts';
import type { HeadOutcome, ObjectKey, Remote } from '../../../ports/remote.ts';
import { stopAllCarried, stopCarried } from '../transport/carried.ts';
import { downloadByGet } from '../transport/download.ts';
import { ask, type Transport } from '../transport/exchange.ts';
import { aborted, fault, faultOf } from '../transport/faults.ts';
import { downloadRules, endpointOf, positive } from '../transport/places.ts';
import { sender } from '../transport/sender.ts';
import { canLook, lookFor } from './look.ts';
import type { HttpRemoteOptions } from './options.ts';
import { askApp, type HttpParts, locatorOf, type Place, placeAt, placeOf } from './parts.ts';
import { classifyHttp, type HttpPhase } from './table.ts';
import { uploadByHttp } from './upload.ts';

/**
 * A plain HTTP server as a {@link Remote}: one file by one request, PUT or a form, from where the app says.
 *
 * A PUT goes to a place that is made from the object key, so that whatever is repeated meets its earlier self and there is
 * one object (contract 4.2). Nothing is resumed: an interrupted request begins again. A server must store a body whole
 * or not at all; one that keeps half of it is healed by the next attempt, unless `ifNoneMatch` forbids it.
 * A form's server chooses the place: give `look`, or `idempotencyKey` where the server keeps that promise. With neither,
 * an attempt whose end nobody knows fails as `outcome_unknown`, and is sent again only when somebody retries it.
 *
 * @throws {LadingError} `invalid_option`.
 * @example
 * ```ts
 * const remote = httpRemote({
 *   endpoint: 'https://files.example.com/attachments',
 *   headers: async () => ({ Authorization: `Bearer ${await session.token()}` }),
 * })
 * ```
 */
export function httpRemote(options: HttpRemoteOptions): Remote {
  const endpoint = endpointOf(options.endpoint, 'endpoint');
  const rules = downloadRules(endpoint, options);
  const http: Transport<HttpPhase> = {
    // Not bound once: an app may replace the global one later, for tests or tracing.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    send: sender(options.fetch),
    clock: options.clock ?? systemClock(),
    stallMs: positive('stallMs', options.stallMs ?? 30_000),
    headers: async () =>
      typeof options.headers === 'function' ? options.headers() : (options.headers ?? {}),
    classify: (phase, answer) => classifyHttp(phase, answer, http.clock.now()),
  };
  const parts: HttpParts = { options, endpoint, origins: rules.origins, http };

  return {
    host: endpoint.host,
    upload: (request, context) => uploadByHttp(parts, request, context),

    async head(objectKey, { signal }): Promise<HeadOutcome> {
      const looked = await lookFor(parts, objectKey, null, signal);
      if (!looked.ok) return looked;
      const { found } = looked;
      if (found === null) return { ok: true, exists: false };
      try {
        const url = await locatorOf(parts, objectKey, found.url ?? null, signal);
        const { byteSize, sha256 = null, token = null } = found;
        if (byteSize === undefined || url === null) return TOO_LITTLE;
        return { ok: true, exists: true, byteSize, sha256, url, token };
      } catch (error) {
        return faultOf(error);
      }
    },

    async remove(objectKey, { signal }) {
      if (signal.aborted) return aborted;
      try {
        await stopCarried(options, objectKey);
        const place = await placeOfObject(parts, objectKey, signal);
        if ('ok' in place) return place;
        const told = await ask(place.http, 'remove', { method: 'DELETE', url: place.url, signal });
        return told.ok ? { ok: true } : told;
      } catch (error) {
        return signal.aborted ? aborted : faultOf(error);
      }
    },

    ...(options.carrier === undefined
      ? {}
      : { credentials: (next) => (next === null ? stopAllCarried(options) : undefined) }),

    async download(url, { start, signal }) {
      if (signal.aborted) return aborted;
      const { downloadAddress } = options;
      try {
        const from =
          downloadAddress === undefined
            ? url
            : await askApp(parts, () => downloadAddress(url), signal);
        return await downloadByGet(
          http,
          rules,
          from,
          start === undefined ? { signal } : { start, signal },
        );
      } catch (error) {
        return faultOf(error);
      }
    },
  };
}

/** Where an object is; or, where its place must be found first, that it is not there, or why nobody knows. */
async function placeOfObject(
  parts: HttpParts,
  objectKey: ObjectKey,
  signal: AbortSignal,
): Promise<Place | { readonly ok: true } | Fault> {
  const { options } = parts;
  // A form's server chose it.
  if (options.form === undefined || options.address !== undefined) {
    return placeOf(parts, { operation: 'remove', objectKey, media: null }, signal);
  }
  if (!canLook(parts)) return UNREMOVABLE;
  const looked = await lookFor(parts, objectKey, null, signal);
  if (!looked.ok) return looked;
  if (looked.found === null) return { ok: true };
  const { url } = looked.found;
  return url === undefined || url === null ? UNREMOVABLE : placeAt(parts, { url });
}

const TOO_LITTLE = fault(
  'terminal',
  'size_missing',
  'The server does not say where an object is and how large: tell how to `read` its answer.',
);
const UNREMOVABLE = fault(
  'terminal',
  'removal_unsupported',
  'The server chose the place of this file, and has no way to find it.',
);
