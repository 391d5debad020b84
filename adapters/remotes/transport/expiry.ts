import type { HeaderReader } from './retry-after.ts';

/**
 * When a signed url ends, as its query says: S3 and GCS (`X-Amz-Expires`, `X-Goog-Expires`, in seconds after their date),
 * older signatures and CloudFront (`Expires`), Azure (`se`), and `exp`.
 * @returns milliseconds since 1970; undefined where it says nothing that can be understood.
 */
export function expiryOf(text: string): number | undefined {
  if (!URL.canParse(text)) return undefined;
  const query = new Map(
    Array.from(new URL(text).searchParams, ([name, value]) => [name.toLowerCase(), value]),
  );
  for (const maker of ['x-amz', 'x-goog']) {
    const begun = compactDate(query.get(`${maker}-date`) ?? '');
    const seconds = secondsIn(query.get(`${maker}-expires`));
    if (begun !== undefined && seconds !== undefined) return begun + seconds * 1000;
  }
  const until = Date.parse(query.get('se') ?? '');
  if (!Number.isNaN(until)) return until;
  const at = secondsIn(query.get('expires')) ?? secondsIn(query.get('exp'));
  // Less is no time but a duration, which begins nobody knows when.
  return at === undefined || at < EARLIEST_SECONDS ? undefined : at * 1000;
}

/**
 * How far the clock of the server is ahead of the one of this device; undefined where it tells no time.
 * `Date` has whole seconds, and was written before the answer arrived.
 */
export function clockOffsetMs(
  headers: HeaderReader,
  nowMs: number | undefined,
): number | undefined {
  const served = Date.parse(headers.get('Date') ?? '');
  return Number.isNaN(served) || nowMs === undefined ? undefined : served - nowMs;
}

const EARLIEST_SECONDS = 1_000_000_000; // 2001

/** `20260102T030405Z` */
function compactDate(text: string): number | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function secondsIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
