const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The rank behind the last one of a list, null for an empty list: the same as `fractional-indexing` gives, or one
 * that sorts later still. The core only appends; the library comes with the verbs that put something between.
 */
export function rankAfter(last: string | null): string {
  if (last === null || /^[A-Z]/.test(last)) return 'a0';
  // `a` and one digit, `b` and two, up to `z`: places that are counted; what follows them is a fraction.
  const length = last.charCodeAt(0) - 95;
  const counted = last.slice(0, Math.max(0, length));
  const isRank = /^[a-z][0-9A-Za-z]+$/.test(counted) && counted.length === length;
  if (!isRank || /^z+$/.test(counted)) return unknownAfter(last);
  const rest = counted.replace(/z+$/, '');
  const zeros = '0'.repeat(counted.length - rest.length);
  const digit = rest.at(-1) as string;
  return rest.length > 1
    ? rest.slice(0, -1) + DIGITS[DIGITS.indexOf(digit) + 1] + zeros
    : `${String.fromCharCode(last.charCodeAt(0) + 1)}0${zeros}`;
}

/** Another app may have written a rank that is none: text that sorts after it has to do. */
export function unknownAfter(last: string): string {
  return `${last}${last === '' ? LOWEST : MIDDLE}`;
}

/** Sorts before every digit and letter that a fractional index begins with. */
const LOWEST = '!';
const MIDDLE = 'V';
