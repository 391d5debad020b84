import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** What the user can put right; shown as it is, with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the options of a command. @throws {UsageError} for others. */
export function readOptions<T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
  command: string,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.\s/);
    throw new UsageError(`${sentence.replace(/\.$/, '')}. What there is: ${command} -- --help`);
  }
}

/** @throws {UsageError} for anything but digits that make a number of 1 or more. */
export function wholeNumber(option: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${option} takes a whole number of 1 or more, not "${text}".`);
}

/** @throws {UsageError} for a word that is not among them. */
export function oneOf<T extends string>(option: string, words: readonly T[], text: string): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} takes ${words.join(', ')}, not "${text}".`);
}

/** Runs a command; resolves with its exit code: 0 it is sound, 1 it is not, 2 the command is not right. */
export async function exitCodeOf(run: () => Promise<boolean>): Promise<number> {
  try {
    return (await run()) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}
