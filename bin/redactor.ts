import type { AttachmentContext } from '../machines/attachment/context.ts';
import type { Owner } from '../machines/attachment/types.ts';
import type { JsonObject } from '../machines/json.ts';
import { redact } from '../ports/redact.ts';

/** Takes out of one attachment's data what must not leave the device in a bug report (contract 10.4, 10.7). */
export interface Redactor {
  /** A value without names, paths, addresses, tokens and, unless they are wanted, ids. */
  readonly clean: (value: unknown) => unknown;
  /** Free text: what a server said, a sentence. */
  readonly text: (text: string) => string;
  readonly owner: (owner: Owner) => string;
  /** What was left out, in words. */
  readonly report: readonly string[];
}

/** Members that hold a name, a path or a capability, whatever they look like. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'filename',
  'blobKey',
  'localName',
  'handle',
  'token',
  'key',
  'keys',
  'sha256',
]);
/** Members that hold an id of the app's. */
const IDS: Readonly<Record<string, string>> = {
  accountId: 'account',
  projectId: 'project',
  entityId: 'entity',
};
/** Shorter ones are not searched for in free text: they would stand in half of all words. */
const SHORTEST_SECRET = 3;

export function createRedactor(options: {
  readonly includeIds: boolean;
  readonly contexts: readonly AttachmentContext[];
  readonly payloads: readonly JsonObject[];
}): Redactor {
  const { includeIds } = options;
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  const hidden = new Map<string, string>();

  /** `entity-2`: the same for the same id. */
  function pseudonym(kind: string, id: string): string {
    const known = names.get(`${kind}\n${id}`);
    if (known !== undefined) return known;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const name = `${kind}-${count}`;
    names.set(`${kind}\n${id}`, name);
    hidden.set(id, name);
    hidden.set(encodeURIComponent(id), name);
    return name;
  }

  /** Learns all that must not stand in free text. */
  function learn(value: unknown, member: string): void {
    if (typeof value === 'string') {
      if (member === 'filename') hidden.set(value, '[name]');
      else if (LEFT_OUT.has(member) && value !== '') hidden.set(value, '[left out]');
      else if (!includeIds && IDS[member] !== undefined) pseudonym(IDS[member], value);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) learn(inner, name);
  }
  for (const source of [...options.contexts, ...options.payloads]) learn(source, '');
  const secrets = [...hidden].toSorted(([a], [b]) => b.length - a.length);

  function text(given: string): string {
    let safe = given;
    for (const [secret, name] of secrets) {
      if (secret.length >= SHORTEST_SECRET) safe = safe.replaceAll(secret, name);
    }
    return redact(safe, 2_000);
  }

  function clean(value: unknown, member = ''): unknown {
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
    if (typeof value === 'string') {
      if (LEFT_OUT.has(member)) return value === '' ? '' : '[left out]';
      const kind = IDS[member];
      if (kind !== undefined) return includeIds ? redact(value) : pseudonym(kind, value);
      return member === 'url' || member === 'location' ? placeOf(value) : text(value);
    }
    if (Array.isArray(value))
      return value.map((item) => clean(item, LEFT_OUT.has(member) ? member : ''));
    if (typeof value !== 'object') return undefined;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [text(name), clean(inner, name)]),
    );
  }

  return {
    clean: (value) => clean(value),
    text,
    owner: ({ scope, entityType, entityId, field }) => {
      pseudonym('account', scope.accountId);
      const id = includeIds ? redact(entityId) : pseudonym('entity', entityId);
      return `${redact(entityType)} ${id}, ${redact(field)}`;
    },
    report: [
      'file names and paths',
      'paths and queries of urls',
      'addresses and tokens of uploads',
      'the hash of the bytes',
      ...(includeIds ? [] : ['ids of accounts, projects and entities, numbered in their place']),
    ],
  };
}

/** Where a url points, without what it points at: its path may name the account. */
function placeOf(url: string): string {
  const [, place = ''] = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?[^/?#]*)/i.exec(url) ?? [];
  if (/^offline:/i.test(url)) return redact(url);
  return place === '' ? '[left out]' : `${redact(place)}/…`;
}
