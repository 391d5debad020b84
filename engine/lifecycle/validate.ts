import type { AttachmentRef, MediaId, Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { encodeIdPart } from '../../ports/id-part.ts';
import type { CaptureSource } from '../../ports/source.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Control and format characters (bidi among them), path separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\]/u;
const MAX_ID_LENGTH = 200;
const MAX_NAME_LENGTH = 255;

/** @throws {LadingError} `invalid_id`. */
export function requireMediaId(id: string): MediaId {
  if (UUID.test(id)) return id as MediaId;
  throw invalid('mediaId', id, 'a lower-case UUID, as newMediaId() makes');
}

/** The id in a ref, or the id itself. @throws {LadingError} `invalid_id`. */
export function mediaIdOf(ref: AttachmentRef | string): MediaId {
  return requireMediaId(typeof ref === 'string' ? ref : requireObject('ref', ref).mediaId);
}

/** @throws {LadingError} `invalid_id`. */
export function requireOwner(owner: Owner): Owner {
  requireObject('owner', owner);
  requireObject('scope', owner.scope);
  requireId('accountId', owner.scope.accountId);
  if (owner.scope.projectId !== undefined && owner.scope.projectId !== null) {
    requireId('projectId', owner.scope.projectId);
  }
  requireId('entityType', owner.entityType);
  requireId('entityId', owner.entityId);
  requireId('field', owner.field);
  return owner;
}

/** An id of the app's: any text that is short, well-formed, and no path. @throws {LadingError} `invalid_id`. */
function requireId(name: string, id: string): string {
  const sound =
    typeof id === 'string' &&
    id.length > 0 &&
    id.length <= MAX_ID_LENGTH &&
    id.isWellFormed() &&
    !UNSAFE.test(id) &&
    id !== '.' &&
    id !== '..';
  if (sound) return id;
  throw invalid(
    name,
    id,
    `1 to ${MAX_ID_LENGTH} characters without "/", "\\" or control characters`,
  );
}

/** An id that becomes part of the names of files and objects: what cannot is told before anything is captured. */
export function requireKeyId(name: string, id: string): string {
  encodeIdPart(requireId(name, id));
  return id;
}

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

/** For callers whose types nobody checked. @throws {LadingError} `invalid_id`. */
export function requireObject<T>(name: string, value: T): T {
  if (typeof value === 'object' && value !== null) return value;
  throw invalid(name, value, 'an object');
}

/** As {@link requireObject}, for what tells how. @throws {LadingError} `invalid_option`. */
export function requireOptions<T>(name: string, value: T): T {
  if (typeof value === 'object' && value !== null) return value;
  throw new LadingError('invalid_option', `${name} must be an object, not ${typeof value}.`, {
    details: { name },
  });
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

function invalid(name: string, value: unknown, wanted: string): LadingError {
  const shown = JSON.stringify(String(value).slice(0, 40)).replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
  return new LadingError('invalid_id', `${shown} is not a valid ${name}: it must be ${wanted}.`, {
    details: { name },
  });
}
