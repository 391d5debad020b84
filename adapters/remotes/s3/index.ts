/** A bucket of S3: `lading/remotes/s3`. Needs `@aws-sdk/client-s3`. */

export { objectKeyOf, s3Key } from '../s3-keys.ts';
export { type HeaderReader, LONGEST_RETRY_AFTER_MS } from '../transport/retry-after.ts';
export type {
  S3Credentials,
  S3Operation,
  S3RemoteOptions,
  S3Sign,
  S3Signed,
  S3SignRequest,
} from './options.ts';
export { s3Remote } from './remote.ts';
export { type S3Signer, type S3SignerOptions, s3Signer } from './signer.ts';
export { classifyS3, s3Table } from './table.ts';
