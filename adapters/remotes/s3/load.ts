import { LadingError } from '../../../ports/errors.ts';

export type S3Module = typeof import('@aws-sdk/client-s3');

/**
 * The AWS SDK, when the first request needs it.
 * @throws {LadingError} `sdk_missing`, with the command that installs it.
 */
export async function loadS3(
  importer: () => Promise<S3Module> = () => import('@aws-sdk/client-s3'),
): Promise<S3Module> {
  try {
    return await importer();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new LadingError(
      'sdk_missing',
      'The S3 remote needs the AWS SDK: npm install @aws-sdk/client-s3',
      { cause: error },
    );
  }
}
