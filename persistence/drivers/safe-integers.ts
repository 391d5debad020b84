/**
 * An integer of SQLite as a number, where JavaScript has that number.
 * @throws {RangeError} past 2^53: rounding it would be a silent loss.
 */
export function safeNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`${value} is not a safe integer: keep numbers of 64 bits as text`);
}
