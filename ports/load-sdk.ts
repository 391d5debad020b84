import { LadingError } from './errors.ts';

/**
 * A package that only some apps need, when it is needed.
 * @param hint what needs it, and the command that installs it.
 * @throws {LadingError} `sdk_missing` with that hint, where it is not installed; what it throws itself, as it is.
 */
export async function loadSdk<T>(importer: () => Promise<T>, hint: string): Promise<T> {
  try {
    return await importer();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new LadingError('sdk_missing', hint, { cause: error });
  }
}
