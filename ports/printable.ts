/** Longest text of one value in a message; display names have 255 characters. */
const LONGEST = 300;

/**
 * What moves a cursor, turns the direction of writing, hides, or breaks a line, a log entry or a header: control and
 * format characters (bidi, zero width), line and paragraph separators, halves of characters, private use.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside as it may be printed or sent: normalised (NFC), bounded, with every unsafe character written as
 * `\u{…}` (contract 10.1). Use it for names, ids and words of others in messages, logs and terminals.
 *
 * @param longest characters at most before `…`. Default 300.
 * @example
 * ```ts
 * console.log(`removed ${printable(filename)}`)
 * ```
 */
export function printable(text: unknown, longest: number = LONGEST): string {
  const normal = String(text).normalize('NFC');
  const characters = Array.from(normal.slice(0, longest * 2)); // never half of a character
  const kept = characters.slice(0, longest).join('');
  const escaped = kept.replaceAll(UNSAFE, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
  return kept.length < normal.length ? `${escaped}…` : escaped;
}
