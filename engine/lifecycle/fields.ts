import type {
  AttachmentKind,
  AttachmentPolicy,
  Owner,
  OwnerScope,
} from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { say as english, type Say } from '../guardrails/sentences.ts';
import { policyOf, requireFields, requireSpec } from './field-checks.ts';
import type { FieldName, FieldSpec, Fields, LocationPolicy } from './field-spec.ts';

export type { FieldName, FieldSpec, Fields, LocationPolicy } from './field-spec.ts';

/**
 * The app's fields, with their names kept for the compiler: see {@link fieldOwner}.
 *
 * @example
 * ```ts
 * const fields = defineFields({
 *   'item.images': { kinds: ['image'] },
 *   'profile.logo': { kinds: ['image'], single: true },
 * })
 * ```
 */
export function defineFields<const Named extends Readonly<Record<FieldName, FieldSpec>>>(
  fields: Named,
): Named {
  return fields;
}

/**
 * The owner in a field of `fields`; a name that is none of them does not compile.
 *
 * @example
 * ```ts
 * await lading.capture(source, { owner: fieldOwner(fields, 'item.images', scope, item.id), kind: 'image' })
 * ```
 * @throws {LadingError} `unknown_field` where nobody compiled it.
 */
export function fieldOwner<Named extends Fields>(
  fields: Named,
  name: keyof Named & FieldName,
  scope: OwnerScope,
  entityId: string,
): Owner {
  if (!Object.hasOwn(fields, name)) throw unknownField(name, Object.keys(fields));
  const dot = name.indexOf('.');
  return { scope, entityType: name.slice(0, dot), entityId, field: name.slice(dot + 1) };
}

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
/** A decoder needs four bytes for each: 400 MB. Above what phones take (50 to 108 megapixels at most, mostly 12). */
const DEFAULT_MAX_PIXELS = 100_000_000;
const DEFAULT_MAX_SIDE_PIXELS = 32_768;

/** A field with its defaults filled in. */
export interface Field {
  readonly name: string;
  readonly kinds: readonly AttachmentKind[];
  /** Undefined: the defaults of each kind. */
  readonly contentTypes: readonly string[] | undefined;
  readonly single: boolean;
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly maxPixels: number;
  readonly maxSidePixels: number;
  readonly location: LocationPolicy;
  readonly guardrails: 'always' | 'offline';
  readonly allowEmpty: boolean;
  readonly primary: boolean;
  readonly policy: AttachmentPolicy;
  readonly project: FieldSpec['project'];
  /** The user's sentences, translated. */
  readonly say: Say;
}

export interface FieldRegistry {
  /** @throws {LadingError} `unknown_field`. */
  get(owner: Pick<Owner, 'entityType' | 'field'>): Field;
  /** Undefined where this app does not know the field: a delta may bring refs of a newer app. */
  find(owner: Pick<Owner, 'entityType' | 'field'>): Field | undefined;
}

/** @throws {LadingError} `invalid_option` for fields that are none, and limits that could not hold. */
export function createFieldRegistry(fields: Fields, say: Say = english): FieldRegistry {
  requireFields(fields);
  const known = new Map(
    Object.entries(fields).map(([name, spec]) => [name, withDefaults(name, spec, say)]),
  );
  const find: FieldRegistry['find'] = (owner) => known.get(`${owner.entityType}.${owner.field}`);
  return {
    find,
    get(owner) {
      const field = find(owner);
      if (field !== undefined) return field;
      throw unknownField(`${owner.entityType}.${owner.field}`, [...known.keys()]);
    },
  };
}

function unknownField(name: string, known: readonly string[]): LadingError {
  const [entityType = '', field = ''] = name.split('.');
  return new LadingError(
    'unknown_field',
    `"${name}" is not a field of this app. Known fields: ${known.join(', ') || 'none'}.`,
    { details: { entityType, field } },
  );
}

function withDefaults(name: string, spec: FieldSpec, say: Say): Field {
  requireSpec(name, spec);
  const single = spec.single ?? false;
  const maxCount = single ? 1 : (spec.maxCount ?? Number.POSITIVE_INFINITY);
  const maxBytes = spec.maxBytes ?? DEFAULT_MAX_BYTES;
  return {
    name,
    kinds: spec.kinds,
    contentTypes: spec.contentTypes?.map((type) => type.toLowerCase()),
    single,
    maxCount,
    maxBytes,
    maxPixels: spec.maxPixels ?? DEFAULT_MAX_PIXELS,
    maxSidePixels: spec.maxSidePixels ?? DEFAULT_MAX_SIDE_PIXELS,
    location: spec.location ?? 'remove',
    guardrails: spec.guardrails ?? 'always',
    allowEmpty: spec.allowEmpty ?? false,
    primary: spec.primary ?? !single,
    policy: policyOf(spec),
    project:
      spec.project === undefined ? undefined : (tx, owner, refs) => spec.project?.(tx, owner, refs),
    say,
  };
}
