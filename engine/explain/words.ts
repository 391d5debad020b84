import { LadingError } from '../../ports/errors.ts';
import { printable } from '../../ports/printable.ts';
import { redact } from '../../ports/redact.ts';

/** Says times, sizes and lengths of time in words that people read. */
export interface Words {
  /** `14:02:09` on the day that was named last, else `2026-05-03 14:02:09`. */
  readonly time: (at: number) => string;
  /** The next {@link time} names its day again. */
  readonly forgetDay: () => void;
}

/**
 * @param timeZone IANA name. Default: the device's own.
 * @throws {LadingError} `invalid_option` for a zone that there is not.
 */
export function createWords(timeZone?: string): Words {
  const format = formatOf(timeZone);
  let lastDay = '';
  return {
    time(at) {
      const parts = Object.fromEntries(
        format.formatToParts(at).map((part) => [part.type, part.value]),
      );
      const day = `${parts['year']}-${parts['month']}-${parts['day']}`;
      const clock = `${parts['hour']}:${parts['minute']}:${parts['second']}`;
      if (day === lastDay) return clock;
      lastDay = day;
      return `${day} ${clock}`;
    },
    forgetDay() {
      lastDay = '';
    },
  };
}

function formatOf(timeZone: string | undefined): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      ...(timeZone === undefined ? {} : { timeZone }),
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch (cause) {
    const name = printable(timeZone, 60);
    throw new LadingError(
      'invalid_option',
      `timeZone must be a name like Europe/Berlin: there is no zone "${name}".`,
      { details: { name: 'timeZone', value: name }, cause },
    );
  }
}

/** `2.1 MB`, in powers of 1000 as file managers and phones show them. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const shown = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
  return `${shown} ${bytes === 1 ? 'byte' : units[unit]}`;
}

/** `40 s`, `3 min`, `2 h`, `5 days`; never negative. */
export function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** What came from a server or a backend, fit to stand in a sentence: one line, bounded, without secrets. */
export function quoted(text: string, longest = 200): string {
  return redact(text, longest).trim();
}
