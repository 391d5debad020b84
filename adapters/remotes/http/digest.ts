import type { HeaderReader } from '../transport/retry-after.ts';

/** A SHA-256 as RFC 9530 writes it: `sha-256=:…:`. */
export function digestOf(sha256: string): string {
  const bytes = sha256.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? [];
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}

/** The SHA-256 in a digest header, in lower-case hex; undefined where there is none. */
export function digestIn(headers: HeaderReader, name: string): string | undefined {
  const found = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):/.exec(headers.get(name) ?? '')?.[1];
  const bytes = found === undefined ? '' : decoded(found);
  if (bytes.length !== 32) return undefined;
  return Array.from(bytes, (one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return '';
  }
}
