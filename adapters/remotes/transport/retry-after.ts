/** Response headers; `Headers` fits. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** The longest wait that a server may ask for (contract 4.5). */
export const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), clamped to 0 … 24 h.
 * @param nowMs for a date, where the answer itself has no `Date`.
 * @returns milliseconds; undefined where it says nothing that can be understood.
 */
export function parseRetryAfter(
  headers: HeaderReader,
  nowMs: number | undefined,
): number | undefined {
  const value = headers.get('Retry-After')?.trim() ?? '';
  if (/^\d+$/.test(value)) return clamp(Number(value) * 1000);
  const at = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  // The server's own clock, where it tells it: ours may be wrong by years (field case 44).
  const served = Date.parse(headers.get('Date') ?? '');
  const now = Number.isNaN(served) ? nowMs : served;
  return Number.isNaN(at) || now === undefined ? undefined : clamp(at - now);
}

function clamp(delayMs: number): number {
  return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, delayMs));
}
