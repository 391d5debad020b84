import { LadingError } from '../../../ports/errors.ts';

export type TusModule = Pick<typeof import('tus-js-client'), 'Upload'>;

/**
 * tus-js-client, when the first upload needs it.
 * @throws {LadingError} `sdk_missing`, with the command that installs it.
 */
export async function loadTus(
  importer: () => Promise<TusModule> = () => import('tus-js-client'),
): Promise<TusModule> {
  try {
    return await importer();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new LadingError(
      'sdk_missing',
      'Uploads by tus need tus-js-client: npm install tus-js-client@4.3.1',
      { cause: error },
    );
  }
}
