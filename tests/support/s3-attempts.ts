import { type S3RemoteOptions, s3Remote } from 'lading/remotes/s3';
import { objectKey, type Remote, type UploadOutcome } from '../../ports/remote.ts';
import type { RgwWorld } from './rgw-world.ts';
import { content, type Engine, engine, sha256, uploadRequest } from './tus-world.ts';

export const MIB = 1024 * 1024;
export const never: AbortSignal = new AbortController().signal;
export const KEY = objectKey('account-1', 'media-1');

/** A remote that sends parts of 5 MiB from a file of 12 on, and one attachment's attempts with it. */
export interface Attempts {
  readonly remote: Remote;
  readonly lent: Engine;
  readonly bytes: Buffer;
  readonly attempt: (options?: Parameters<Engine['run']>[0]) => Promise<UploadOutcome>;
}

export function attempts(
  { endpoint, bucket, credentials }: RgwWorld,
  bytes: Buffer = content(12 * MIB),
  options: Partial<S3RemoteOptions> = {},
): Attempts {
  const signing = options.sign === undefined ? { credentials } : {};
  const sizes = { multipartAboveBytes: 6 * MIB };
  const remote = s3Remote({ endpoint, bucket, ...signing, ...sizes, ...options });
  const lent = engine();
  return {
    remote,
    lent,
    bytes,
    attempt: (run = {}) => remote.upload(uploadRequest(bytes), lent.run(run)),
  };
}

/** One object under the key, with these bytes, and nothing unfinished beside it. */
export async function whatIsThere(world: RgwWorld) {
  const stored = await world.stored(KEY);
  return { hashes: stored.map(sha256), unfinished: await world.unfinished() };
}
