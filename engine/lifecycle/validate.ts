import type { AttachmentRef, MediaId, Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';

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
  return requireMediaId(typeof ref === 'string' ? ref : ref.mediaId);
}

/** @throws {LadingError} `invalid_id`. */
export function requireOwner(owner: Owner): Owner {
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
export function requireId(name: string, id: string): string {
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

/** A display name, normalised (NFC); null for none. @throws {LadingError} `invalid_id`. */
export function requireFilename(name: string | undefined): string | null {
  if (name === undefined || name === '') return null;
  const normal = typeof name === 'string' ? name.normalize('NFC') : '';
  const sound =
    normal.length > 0 &&
    normal.length <= MAX_NAME_LENGTH &&
    normal.isWellFormed() &&
    !UNSAFE.test(normal);
  if (sound) return normal;
  throw invalid(
    'filename',
    name,
    `at most ${MAX_NAME_LENGTH} characters without "/", "\\" or control characters`,
  );
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
