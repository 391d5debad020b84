import type { AttachmentRef, MediaId, Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { encodeIdPart } from '../../ports/id-part.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Control and format characters (bidi among them), path separators. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\]/u;
const MAX_ID_LENGTH = 200;

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

/** @returns `invalid_id`, with what it must be. */
export function invalid(name: string, value: unknown, wanted: string): LadingError {
  const shown = JSON.stringify(String(value).slice(0, 40)).replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
  return new LadingError('invalid_id', `${shown} is not a valid ${name}: it must be ${wanted}.`, {
    details: { name },
  });
}
