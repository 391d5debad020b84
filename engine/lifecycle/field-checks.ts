import { defaultPolicy } from '../../machines/attachment/context.ts';
import type { AttachmentKind, AttachmentPolicy } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';

const KINDS: Readonly<Record<AttachmentKind, true>> = {
  image: true,
  pdf: true,
  file: true,
  video: true,
  audio: true,
};

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
  const { kinds, maxCount, maxBytes, project } = spec;
  if (!Array.isArray(kinds) || kinds.length === 0)
    throw refused('needs at least one kind, as a list');
  for (const kind of kinds as readonly unknown[]) {
    if (typeof kind === 'string' && Object.hasOwn(KINDS, kind)) continue;
    throw refused(
      `has the unknown kind ${shown(kind)}: there are ${Object.keys(KINDS).join(', ')}`,
    );
  }
  for (const [limit, value] of Object.entries({ maxCount, maxBytes })) {
    if (value === undefined || isLimit(value)) continue;
    throw refused(`has the ${limit} ${shown(value)}: it must be a whole number of 1 or more`);
  }
  for (const flag of ['single', 'allowEmpty', 'primary'] as const) {
    const value: unknown = spec[flag];
    if (value === undefined || typeof value === 'boolean') continue;
    throw refused(`has ${flag}: ${shown(value)}: it must be true or false`);
  }
  if (project !== undefined && typeof project !== 'function') {
    throw refused('has a project that is no function');
  }
  const wrong = policyTrouble(spec['policy']);
  if (wrong !== undefined) throw refused(wrong);
}

/** The whole policy: what the field says, and the defaults for the rest. */
export function policyOf(policy: Partial<AttachmentPolicy> = {}): AttachmentPolicy {
  const said = Object.entries(policy).filter(([, value]) => value !== undefined);
  return { ...defaultPolicy, ...Object.fromEntries(said) };
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
