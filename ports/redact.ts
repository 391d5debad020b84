import { printable } from './printable.ts';

const HIDDEN = '[redacted]';

/** A url with anything that lets one in: user names, query and fragment go, where it points stays. */
const URL_LIKE = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)([^\s"'<>\\]+)/gi;
/** `Authorization: Bearer …`, `token=…`, `"apiKey":"…"`: the name stays, what follows goes. */
const NAMED =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,60}(?:token|key|signature|credential)|(?:[a-z]{1,60}[_-]?)?(?:token|secret|password|passwd|api[_-]?key|signature|credentials?))(["']?\s*[:=]\s*["']?)((?:bearer|basic|digest|aws4-hmac-sha256)\s+)?[^\s"',;&]+/gi;
const SCHEMED = /\b(bearer|basic|digest)\s+[a-z0-9+/=._~-]{6,}/gi;
/** A JSON web token: its middle is readable by anybody. */
const JWT = /\beyJ[\w-]{8,}(?:\.[\w-]+){1,4}/g;
/** Long runs that mix digits with letters are keys or signatures; ids and hashes that we print ourselves are not. */
const RUN = /[A-Za-z0-9_~+/=-]{20,}/g;
const OUR_OWN = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{64})$/;

/** What is looked at of a text: more than any message shows, however much of it is hidden. */
const LOOKED_AT = 4_096;
const LONGEST_WORD = 500;

/**
 * Text from outside without what could be a secret: url queries, fragments and user names, headers and parameters that
 * carry tokens, and long runs that look like keys (contract 10.4). It is also {@link printable}. What a secret looks
 * like nobody can know for sure: never write what you need not write. Of a long text the first 4096 characters are
 * looked at, or four times `longest`; the rest goes.
 */
export function redact(text: unknown, longest?: number): string {
  return printable(
    bounded(String(text), Math.max(LOOKED_AT, 4 * (longest ?? 0)))
      .replaceAll(URL_LIKE, (_all, scheme: string, rest: string) => `${scheme}${bare(rest)}`)
      .replaceAll(NAMED, (_all, name: string, between: string) => `${name}${between}${HIDDEN}`)
      .replaceAll(SCHEMED, (_all, scheme: string) => `${scheme} ${HIDDEN}`)
      .replaceAll(JWT, HIDDEN)
      .replaceAll(RUN, (run) => (isSecretLike(run) ? HIDDEN : run)),
    longest,
  );
}

/** Cut before patterns see it, and not within a word: half of a secret looks like none. */
function bounded(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most);
  const space = Math.max(cut.lastIndexOf(' '), cut.lastIndexOf('\n'));
  return `${space > most - LONGEST_WORD ? cut.slice(0, space) : cut}…`;
}

/** A value as it may be logged: errors become name, code and message, and every text in it is redacted. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redact(value);
  if (value === null || typeof value !== 'object') {
    return typeof value === 'function' || typeof value === 'symbol' ? `[${typeof value}]` : value;
  }
  if (depth >= 6) return '[…]';
  if (value instanceof Error) return errorOf(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redacted(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 100)
      .map(([name, item]) => [
        printable(name),
        SECRET_NAME.test(name) ? HIDDEN : redacted(item, depth + 1),
      ]),
  );
}

/** Members that hold capabilities, whatever they look like. */
const SECRET_NAME =
  /^(?:handle|token|headers?|authorization|cookie|password|secret|credentials?|api[_-]?key|signature)$/i;

function errorOf(error: Error, depth: number): unknown {
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown };
  return {
    name: printable(error.name),
    message: redact(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: redacted(code) } : {}),
    ...(details === undefined ? {} : { details: redacted(details, depth + 1) }),
    ...(error.cause === undefined ? {} : { cause: redacted(error.cause, depth + 1) }),
  };
}

function bare(rest: string): string {
  const path = rest.replace(/[?#].*$/s, '');
  const hidden = path.length < rest.length ? `?${HIDDEN}` : '';
  return `${path.replace(/^[^/]*@/, '')}${hidden}`;
}

function isSecretLike(run: string): boolean {
  const letters = /[A-Za-z]/.test(run);
  // Paths, encoded ids and words joined by dashes are long too: a secret is one run with digits in it.
  const part = run
    .split('/')
    .some((one) => one.length >= 20 && /\d/.test(one) && !OUR_OWN.test(one));
  return letters && part;
}
