import type {
  AttachmentKind,
  AttachmentPolicy,
  AttachmentRef,
  Owner,
} from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { policyOf, requireFields, requireSpec } from './field-checks.ts';

/** What one field of an entity takes, and how the app's own rows follow it (contract 3.1, 3.3). */
export interface FieldSpec {
  readonly kinds: readonly AttachmentKind[];
  /** One ref instead of a list: a second capture is refused, `replace` changes it. Default false. */
  readonly single?: boolean;
  /** Refs at most. Default unlimited; 1 for a single field. */
  readonly maxCount?: number;
  /** Bytes at most for one file. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Take files of zero bytes. Default false. */
  readonly allowEmpty?: boolean;
  /** Whether the first image becomes primary, and the next one when it goes. Default: lists yes, single fields no. */
  readonly primary?: boolean;
  /** What differs from the default policy. Copied into each attachment when it is captured. */
  readonly policy?: Partial<AttachmentPolicy>;
  /**
   * Rewrites the app's own row. Runs in **every** commit that changes the owner's refs, attach included; a throw
   * takes the whole commit back. Synchronous; the refs are in the owner's order.
   */
  project?(tx: SqlTransaction, owner: Owner, refs: readonly AttachmentRef[]): void;
}

/** Fields by `<entityType>.<field>`. */
export type Fields = Readonly<Record<string, FieldSpec>>;

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;

/** A field with its defaults filled in. */
export interface Field {
  readonly name: string;
  readonly kinds: readonly AttachmentKind[];
  readonly single: boolean;
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly allowEmpty: boolean;
  readonly primary: boolean;
  readonly policy: AttachmentPolicy;
  readonly project: FieldSpec['project'];
}

export interface FieldRegistry {
  /** @throws {LadingError} `unknown_field`. */
  get(owner: Pick<Owner, 'entityType' | 'field'>): Field;
  /** Undefined where this app does not know the field: a delta may bring refs of a newer app. */
  find(owner: Pick<Owner, 'entityType' | 'field'>): Field | undefined;
}

/** @throws {LadingError} `invalid_option` for fields that are none, and limits that could not hold. */
export function createFieldRegistry(fields: Fields): FieldRegistry {
  requireFields(fields);
  const known = new Map(
    Object.entries(fields).map(([name, spec]) => [name, withDefaults(name, spec)]),
  );
  const find: FieldRegistry['find'] = (owner) => known.get(`${owner.entityType}.${owner.field}`);
  return {
    find,
    get(owner) {
      const field = find(owner);
      if (field !== undefined) return field;
      const names = [...known.keys()].join(', ');
      throw new LadingError(
        'unknown_field',
        `"${owner.entityType}.${owner.field}" is not a field of this app. Known fields: ${names || 'none'}.`,
        { details: { entityType: owner.entityType, field: owner.field } },
      );
    },
  };
}

function withDefaults(name: string, spec: FieldSpec): Field {
  requireSpec(name, spec);
  const single = spec.single ?? false;
  const maxCount = single ? 1 : (spec.maxCount ?? Number.POSITIVE_INFINITY);
  const maxBytes = spec.maxBytes ?? DEFAULT_MAX_BYTES;
  return {
    name,
    kinds: spec.kinds,
    single,
    maxCount,
    maxBytes,
    allowEmpty: spec.allowEmpty ?? false,
    primary: spec.primary ?? !single,
    policy: policyOf(spec.policy),
    project:
      spec.project === undefined ? undefined : (tx, owner, refs) => spec.project?.(tx, owner, refs),
  };
}

/** @throws {LadingError} `wrong_kind`. */
export function requireKind(field: Field, kind: AttachmentKind): void {
  if (field.kinds.includes(kind)) return;
  throw new LadingError(
    'wrong_kind',
    `"${field.name}" takes ${field.kinds.join(' or ')}, not ${kind}.`,
    { details: { field: field.name, kind } },
  );
}

/** @throws {LadingError} `not_single` for a field that holds one ref: it has no order and no primary one. */
export function requireList(field: Field | undefined): void {
  if (field?.single !== true) return;
  throw new LadingError('not_single', `"${field.name}" holds one file, not a list of them.`, {
    details: { field: field.name },
  });
}

/** @throws {LadingError} `too_many` when `count` more do not fit beside `present`. */
export function requireRoom(field: Field, present: number, count: number): void {
  if (present + count <= field.maxCount) return;
  const what = field.single
    ? `"${field.name}" holds one file: replace it instead.`
    : `Maximum ${field.maxCount} files allowed in "${field.name}".`;
  throw new LadingError('too_many', what, {
    details: { field: field.name, present, maxCount: field.maxCount },
  });
}
