import type { CarrierTask } from '../../../ports/carrier.ts';

/** What lets somebody in, by the name of its header or of its parameter in a query. */
const SECRET = /auth|cookie|token|secret|passw|signature|credential|api[_-]?key|^sig$/i;
/** Shorter ones stand in other words too. */
const SHORTEST = 8;
const HIDDEN = '[redacted]';

/**
 * Takes out of a text what let a request in: servers repeat it. Amazon S3 leads to another region by a redirect with the
 * whole signature, and tells whoever signed wrongly what was signed, a session's token included (contract 10.4). All
 * else stays: an app may read the answer.
 */
export function unrepeated({ url, headers }: Pick<CarrierTask, 'url' | 'headers'>) {
  const found = new Set([...inQuery(url), ...Object.entries(headers).flatMap(inHeader)]);
  // What contains another one goes first.
  const secrets = [...found]
    .filter((one) => one.length >= SHORTEST)
    .toSorted((one, other) => other.length - one.length);
  return (text: string): string => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, HIDDEN);
    // An answer is kept up to a certain length, and may end within one.
    for (const secret of secrets) clean = withoutBeginning(clean, secret);
    return clean;
  };
}

function inQuery(url: string): readonly string[] {
  const query = url.split('#')[0]?.split('?').slice(1).join('?') ?? '';
  return query.split('&').flatMap((pair) => {
    const [name = '', ...rest] = pair.split('=');
    const value = rest.join('=');
    return SECRET.test(decoded(name)) ? [value, decoded(value)] : [];
  });
}

/** `Bearer x`, `sid=x; …`, `AWS4-HMAC-SHA256 Credential=x, Signature=x`, or nothing but the secret. */
function inHeader([name, value]: readonly [string, string]): readonly string[] {
  if (!SECRET.test(name)) return [];
  const parts = value.split(/[\s,;]+/);
  return [value, ...parts, ...parts.map((part) => part.slice(part.indexOf('=') + 1))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutBeginning(text: string, secret: string): string {
  for (let length = Math.min(secret.length, text.length); length >= SHORTEST; length--) {
    if (text.endsWith(secret.slice(0, length))) return text.slice(0, -length) + HIDDEN;
  }
  return text;
}
