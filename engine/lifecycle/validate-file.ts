import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import { invalid, UNSAFE } from './validate.ts';

const MAX_NAME_LENGTH = 255;

/** @throws {LadingError} `invalid_option` for what has no bytes to give. */
export function requireSource(source: CaptureSource): CaptureSource {
  const given: unknown = source;
  if (typeof given === 'object' && given !== null && 'open' in given) {
    if (typeof given.open === 'function') return source;
  }
  throw new LadingError(
    'invalid_option',
    'A source is an object with open(), as fileSource(path) or bytesSource(bytes) make.',
    { details: { name: 'source' } },
  );
}

/** A display name, normalised (NFC); null for none. @throws {LadingError} `invalid_id`. */
export function requireFilename(name: string | undefined): string | null {
  if (name === undefined || name === '') return null;
  const sound = displayName(name);
  if (sound !== null) return sound;
  throw invalid(
    'filename',
    name,
    `at most ${MAX_NAME_LENGTH} characters without "/", "\\" or control characters`,
  );
}

/** The name if it is one to show, never a path; else null. */
export function displayName(name: unknown): string | null {
  const normal = typeof name === 'string' ? name.normalize('NFC') : '';
  const sound =
    normal.length > 0 &&
    normal.length <= MAX_NAME_LENGTH &&
    normal.isWellFormed() &&
    !UNSAFE.test(normal);
  return sound ? normal : null;
}
