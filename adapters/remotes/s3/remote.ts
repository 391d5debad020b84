import * as v from 'valibot';
import { LadingError } from '../../../ports/errors.ts';
import type { Remote } from '../../../ports/remote.ts';
import { stopAllCarried, stopCarried } from '../transport/carried.ts';
import { type DownloadRules, downloadByGet } from '../transport/download.ts';
import type { Transport } from '../transport/exchange.ts';
import { aborted, FaultSignal, fault, faultOf } from '../transport/faults.ts';
import { isOutdated } from '../transport/hand-over.ts';
import { downloadRules, positive } from '../transport/places.ts';
import { takeCarried } from './carried.ts';
import { abortUpload, listIncomplete, removeObject } from './leftovers.ts';
import { locatorOf, lookAt } from './look.ts';
import { uploadInParts } from './multipart.ts';
import type { S3Credentials, S3RemoteOptions } from './options.ts';
import { checkedParts } from './parts.ts';
import { uploadByPut } from './put.ts';
import { signed } from './send.ts';

/** Parts of a file of 20 MB cost a store on the same machine a third of its throughput (docs/decisions/0017). */
const MULTIPART_ABOVE_BYTES = 24 * 1024 * 1024;

/**
 * A bucket of Amazon S3, Ceph, MinIO, OpenStack Swift and others that speak S3, as a {@link Remote}.
 *
 * An object is sent by one PUT, or in parts that go side by side and can be resumed. Whatever is lost or repeated, there
 * is one object under the key: `<prefix><account>/<mediaId>`. Every request carries the SHA-256 of its body, which a store
 * that checks signatures refuses to take with other bytes.
 *
 * Requests are signed on the device (`credentials`), or one by one by the app's server (`sign`; `s3Signer` of
 * `lading/remotes/s3-signer` is its half).
 *
 * @throws {LadingError} `invalid_option`; later, from any method: `sdk_missing` without `@aws-sdk/client-s3`.
 * @example
 * ```ts
 * const remote = s3Remote({
 *   bucket: 'attachments',
 *   region: 'eu-central-1',
 *   sign: async (request) => (await api.post('/sign', request)).json(),
 * })
 * ```
 */
export function s3Remote(options: S3RemoteOptions): Remote {
  const parts = checkedParts(options);
  const { bucket, http } = parts;
  const aboveBytes = positive(
    'multipartAboveBytes',
    options.multipartAboveBytes ?? MULTIPART_ABOVE_BYTES,
  );
  const rules: DownloadRules = {
    ...downloadRules(bucket.address, options),
    async sign(url, { headers, signal }) {
      const Key = bucket.keyAt(url) ?? '';
      if (Key === '') throw new FaultSignal(OUTSIDE);
      const range = headers.get('Range');
      const input = { Key, ...(range === null ? {} : { Range: range }) };
      return signed(parts, 'GetObject', input, { signal });
    },
  };
  const get: Transport<'get'> = {
    ...http,
    classify: (_, answer) => http.classify('GetObject', answer),
  };

  const areHeld = typeof options.credentials === 'object';

  return {
    host: bucket.address.host,
    ...(areHeld || options.carrier !== undefined
      ? {
          credentials(next: unknown) {
            // A function of the app's is asked anyway.
            if (areHeld) parts.hold(handedOver(next));
            return next === null ? stopAllCarried(options) : undefined;
          },
        }
      : {}),

    async upload(request, context) {
      if (context.signal.aborted) return aborted;
      const carried = await takeCarried(parts, request, context);
      const isLarge = request.media.byteSize > aboveBytes;
      return carried === undefined && (isLarge || context.handle !== null)
        ? uploadInParts(parts, request, context)
        : uploadByPut(parts, request, context, carried);
    },

    async head(objectKey, { signal }) {
      const looked = await lookAt(parts, objectKey, signal);
      if (!looked.ok) return looked;
      if (looked.found === null) return { ok: true, exists: false };
      const { byteSize, sha256, token } = looked.found;
      const url = locatorOf(bucket.addressOf(objectKey), objectKey, options.locator);
      return { ok: true, exists: true, byteSize, sha256, url, token };
    },

    async remove(objectKey, { handle, signal }) {
      try {
        await stopCarried(options, objectKey);
      } catch (error) {
        return faultOf(error);
      }
      return removeObject(parts, objectKey, handle, signal);
    },

    async download(url, { start, signal }) {
      const range = start === undefined ? { signal } : { start, signal };
      const told = await downloadByGet(get, rules, url, range);
      return !told.ok && isOutdated(told) ? downloadByGet(get, rules, url, range) : told;
    },

    listIncomplete: (accountId, { after, signal }) =>
      listIncomplete(parts, accountId, after, signal),

    abort: ({ objectKey, handle }, { signal }) =>
      abortUpload(parts, { objectKey, uploadId: handle }, signal),
  };
}

/** @throws {LadingError} `invalid_option`. */
function handedOver(next: unknown): S3Credentials | null {
  if (next === null) return null;
  const parsed = v.safeParse(given, next);
  if (!parsed.success) {
    throw new LadingError(
      'invalid_option',
      'Credentials of S3 are { accessKeyId, secretAccessKey, sessionToken? }, or null.',
    );
  }
  const { accessKeyId, secretAccessKey, sessionToken } = parsed.output;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

const given = v.object({
  accessKeyId: v.string(),
  secretAccessKey: v.string(),
  sessionToken: v.optional(v.string()),
});

const OUTSIDE = fault('terminal', 'origin_refused', 'That url is not of this bucket.');
