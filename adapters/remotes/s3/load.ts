import { loadSdk } from '../../../ports/load-sdk.ts';

export type S3Module = typeof import('@aws-sdk/client-s3');

/**
 * The AWS SDK, when the first request needs it.
 * @throws {LadingError} `sdk_missing`, with the command that installs it.
 */
export async function loadS3(
  importer: () => Promise<S3Module> = () => import('@aws-sdk/client-s3'),
): Promise<S3Module> {
  return loadSdk(importer, 'The S3 remote needs the AWS SDK: npm install @aws-sdk/client-s3');
}
