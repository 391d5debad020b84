import { loadSdk } from '../../../ports/load-sdk.ts';

export type TusModule = Pick<typeof import('tus-js-client'), 'Upload'>;

/**
 * tus-js-client, when the first upload needs it.
 * @throws {LadingError} `sdk_missing`, with the command that installs it.
 */
export async function loadTus(
  importer: () => Promise<TusModule> = () => import('tus-js-client'),
): Promise<TusModule> {
  return loadSdk(importer, 'Uploads by tus need tus-js-client: npm install tus-js-client@4.3.1');
}
