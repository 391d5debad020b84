import { LadingError } from './errors.ts';

/** Longest encoded id: a file name may have 255 bytes, and stores add a prefix or suffix of their own. */
const LONGEST_PART = 200;
const CONTROL = /\p{Cc}/u;

/**
 * An id as one part of a path, object name or upload id, on every file system and in every url:
 * `a-z`, `0-9` and `-` stay, every other byte of its UTF-8 becomes `_xx`. Different ids stay different, also where
 * upper and lower case are the same; there is no `.`, `/` or `%` in the result (contract 10.1).
 *
 * @throws {LadingError} `invalid_id`: empty, too long, not Unicode, or with control characters.
 */
export function encodeIdPart(id: string): string {
  if (id === '' || CONTROL.test(id)) {
    throw refused(id, 'has nothing in it, or control characters: it must be printable text.');
  }
  if (id.length > LONGEST_PART) throw tooLong(id, `${id.length} or more`);
  let encoded = '';
  for (const byte of utf8(id)) {
    const character = String.fromCharCode(byte);
    encoded += /[a-z0-9-]/.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`;
  }
  if (encoded.length > LONGEST_PART) throw tooLong(id, String(encoded.length));
  return encoded;
}

/** What {@link encodeIdPart} was given; undefined when it can not have made `part`. */
export function decodeIdPart(part: string): string | undefined {
  if (!/^(?:[a-z0-9-]|_[0-9a-f]{2})+$/.test(part)) return undefined;
  try {
    const id = decodeURIComponent(part.replaceAll('_', '%'));
    return encodeIdPart(id) === part ? id : undefined;
  } catch {
    return undefined;
  }
}

function utf8(id: string): Uint8Array {
  try {
    encodeURIComponent(id); // throws on half a surrogate pair, which UTF-8 would silently replace
  } catch {
    throw refused(id, 'is no Unicode text: half of a character is missing in it.');
  }
  return new TextEncoder().encode(id);
}

function tooLong(id: string, encodedLength: string): LadingError {
  return refused(
    id,
    `takes ${encodedLength} as part of a name, and the most is ${LONGEST_PART}: "a-z", "0-9" and "-" count 1, every other byte of its UTF-8 counts 3.`,
  );
}

function refused(id: string, why: string): LadingError {
  return new LadingError('invalid_id', `An id of ${id.length} characters ${why}`, {
    details: { length: id.length, longest: LONGEST_PART },
  });
}
