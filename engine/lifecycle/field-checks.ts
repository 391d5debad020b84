import { defaultPolicy } from '../../machines/attachment/context.ts';
import type { AttachmentKind, AttachmentPolicy } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { canBe, IMAGE_TYPES, KINDS } from './content-types.ts';
import type { FieldSpec } from './field-spec.ts';

/** A rule that is misspelt would hold nothing, and be noticed by nobody. */
const KEYS: ReadonlySet<string> = new Set([
  'kinds',
  'contentTypes',
  'single',
  'maxCount',
  'maxBytes',
  'maxPixels',
  'maxSidePixels',
  'allowEmpty',
  'primary',
  'location',
  'network',
  'retention',
  'patience',
  'grace',
  'guardrails',
  'policy',
  'project',
]);

const NAME = /^[^.]+\.[^.]+$/;

/**
 * Holds the app's fields against what they can be, when Lading opens: a limit that is no number would never refuse
 * anything, and be noticed by nobody.
 * @throws {LadingError} `invalid_option`.
 */
export function requireFields(fields: unknown): void {
  if (isObject(fields)) return;
  throw new LadingError(
    'invalid_option',
    'fields must be an object: { "<entityType>.<field>": … }.',
    {
      details: { name: 'fields' },
    },
  );
}

/** @throws {LadingError} `invalid_option`, with the field and what is wrong with it. */
export function requireSpec(name: string, spec: unknown): void {
  const refused = (what: string): LadingError =>
    new LadingError('invalid_option', `Field "${name}" ${what}.`, {
      details: { field: name },
    });
  if (!NAME.test(name)) throw refused('needs a name of the form "<entityType>.<field>"');
  if (!isObject(spec)) throw refused('must be an object with the kinds that it takes');
  for (const key of Object.keys(spec)) {
    if (!KEYS.has(key))
      throw refused(`has ${shown(key)}, which is no rule: there are ${[...KEYS].join(', ')}`);
  }
  const { kinds, contentTypes, maxCount, maxBytes, maxPixels, maxSidePixels, project } = spec;
  if (!Array.isArray(kinds) || kinds.length === 0)
    throw refused('needs at least one kind, as a list');
  for (const kind of kinds as readonly unknown[]) {
    if (typeof kind === 'string' && KINDS.includes(kind)) continue;
    throw refused(`has the unknown kind ${shown(kind)}: there are ${KINDS.join(', ')}`);
  }
  for (const [limit, value] of Object.entries({ maxCount, maxBytes, maxPixels, maxSidePixels })) {
    if (value === undefined || isLimit(value)) continue;
    throw refused(`has the ${limit} ${shown(value)}: it must be a whole number of 1 or more`);
  }
  for (const flag of ['single', 'allowEmpty', 'primary'] as const) {
    const value: unknown = spec[flag];
    if (value === undefined || typeof value === 'boolean') continue;
    throw refused(`has ${flag}: ${shown(value)}: it must be true or false`);
  }
  for (const [choice, among] of Object.entries(CHOICES)) {
    const value = spec[choice];
    if (value === undefined || among.some((known) => known === value)) continue;
    throw refused(`has ${choice}: ${shown(value)}: it must be one of ${among.join(', ')}`);
  }
  const wrongType = contentTypesTrouble(kinds as readonly AttachmentKind[], contentTypes, spec);
  if (wrongType !== undefined) throw refused(wrongType);
  if (project !== undefined && typeof project !== 'function') {
    throw refused('has a project that is no function');
  }
  const wrong = partsTrouble(spec) ?? policyTrouble(spec['policy']);
  if (wrong !== undefined) throw refused(wrong);
}

/** The whole policy: what the field says, and the defaults for the rest. */
export function policyOf(spec: PolicySpec): AttachmentPolicy {
  const policy = defined({ ...spec.policy });
  return { ...defaultPolicy, ...policy, ...defined(namedPolicy(spec)) };
}

type PolicySpec = Pick<FieldSpec, 'policy' | 'network' | 'retention' | 'patience' | 'grace'>;

/** What the field's own words mean in the policy that is stored. */
function namedPolicy({ network, retention, patience, grace }: PolicySpec) {
  const local = retention?.local;
  return {
    network,
    dropLocalAtOnce: local === undefined ? undefined : local === 'drop',
    remoteOnRelease: retention?.remote,
    maxAttempts: patience?.attempts,
    patienceMs: patience?.ageMs,
    undoGraceMs: grace?.undoMs,
    draftGraceMs: grace?.draftMs,
  } satisfies { readonly [Key in keyof AttachmentPolicy]?: AttachmentPolicy[Key] | undefined };
}

function defined(values: Readonly<Record<string, unknown>>): Partial<AttachmentPolicy> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** The parts of a field that are objects: their keys, and what each becomes in the policy. */
const PARTS = {
  retention: { local: 'dropLocalAtOnce', remote: 'remoteOnRelease' },
  patience: { attempts: 'maxAttempts', ageMs: 'patienceMs' },
  grace: { undoMs: 'undoGraceMs', draftMs: 'draftGraceMs' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, keyof AttachmentPolicy>>>>;

function partsTrouble(spec: Readonly<Record<string, unknown>>): string | undefined {
  const policy = isObject(spec['policy']) ? spec['policy'] : {};
  const twice = (key: string, said: string): string | undefined =>
    policy[key] === undefined ? undefined : `says both ${said} and policy.${key}: keep one`;
  if (spec['network'] !== undefined) {
    const trouble = twice('network', 'network');
    if (trouble !== undefined) return trouble;
  }
  for (const [name, keys] of Object.entries<Readonly<Record<string, string>>>(PARTS)) {
    const part = spec[name];
    if (part === undefined) continue;
    if (!isObject(part)) return `has a ${name} that is no object`;
    for (const [key, value] of Object.entries(part)) {
      if (value === undefined) continue;
      const stored = keys[key];
      if (stored === undefined) {
        return `has ${name}.${key}: there is only ${Object.keys(keys).join(', ')}`;
      }
      const wanted =
        key === 'local'
          ? value === 'cache' || value === 'drop'
            ? undefined
            : 'it must be "cache" or "drop"'
          : wantedOf(stored, value);
      if (wanted !== undefined) return `has ${name}.${key} ${shown(value)}: ${wanted}`;
      const trouble = twice(stored, `${name}.${key}`);
      if (trouble !== undefined) return trouble;
    }
  }
  return undefined;
}

const CHOICES = {
  network: ['any', 'unmetered'],
  location: ['remove', 'removeOrKeep', 'keep'],
  guardrails: ['always', 'offline'],
} as const;

/** RFC 6838 4.2: restricted names; the second may be a star. */
const MEDIA_RANGE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})$/i;

function contentTypesTrouble(
  kinds: readonly AttachmentKind[],
  types: unknown,
  { location = 'remove' }: { readonly location?: unknown },
): string | undefined {
  if (types === undefined) return undefined;
  if (!Array.isArray(types) || types.length === 0)
    return 'has contentTypes that are no list of media types';
  for (const type of types as readonly unknown[]) {
    if (typeof type !== 'string' || !(MEDIA_RANGE.test(type) || type === '*/*')) {
      return `has the content type ${shown(type)}: it must be like "image/jpeg" or "video/*"`;
    }
    if (!kinds.some((kind) => canBe(kind, type.toLowerCase()))) {
      return `has the content type ${shown(type)}, which is none of ${kinds.join(', ')}`;
    }
    const keepsPlace = location === 'remove' && kinds.includes('image') && isOpaque(type);
    if (keepsPlace) {
      return `takes ${type}, whose location cannot be removed: say location "removeOrKeep" or "keep"`;
    }
  }
  const barren = kinds.find(
    (kind) => !types.some((type) => canBe(kind, String(type).toLowerCase())),
  );
  return barren === undefined
    ? undefined
    : `takes kind ${barren}, but none of its content types is one`;
}

/** Images that are taken only because a field names them, and that nobody here can look into. */
function isOpaque(type: string): boolean {
  return (
    /^image\//i.test(type) && !IMAGE_TYPES.includes(type.toLowerCase()) && !type.endsWith('/*')
  );
}

function policyTrouble(policy: unknown): string | undefined {
  if (policy === undefined) return undefined;
  if (!isObject(policy)) return 'has a policy that is no object';
  for (const [key, value] of Object.entries(policy)) {
    if (value === undefined) continue;
    const wanted = wantedOf(key, value);
    if (wanted !== undefined) return `has policy.${key} ${shown(value)}: ${wanted}`;
  }
  return undefined;
}

/** What `key` should be, where `value` is not. The policy is stored as JSON: no Infinity. */
function wantedOf(key: string, value: unknown): string | undefined {
  if (!Object.hasOwn(defaultPolicy, key)) {
    return `there is no such policy, only ${Object.keys(defaultPolicy).join(', ')}`;
  }
  switch (key as keyof AttachmentPolicy) {
    case 'maxAttempts':
      return Number.isSafeInteger(value) && isLimit(value)
        ? undefined
        : 'it must be a whole number of 1 or more';
    case 'dropLocalAtOnce':
      return typeof value === 'boolean' ? undefined : 'it must be true or false';
    case 'network':
      return value === 'any' || value === 'unmetered'
        ? undefined
        : 'it must be "any" or "unmetered"';
    case 'remoteOnRelease':
      return value === 'delete' || value === 'keep' ? undefined : 'it must be "delete" or "keep"';
    default:
      return typeof value === 'number' && Number.isFinite(value) && value >= 0
        ? undefined
        : 'it must be milliseconds, 0 or more';
  }
}

/** Infinity says "no limit". */
function isLimit(value: unknown): boolean {
  if (typeof value !== 'number' || value < 1) return false;
  return Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A wrong value, short enough for a sentence. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}
