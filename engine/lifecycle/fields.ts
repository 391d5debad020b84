import type {
  AttachmentKind,
  AttachmentPolicy,
  AttachmentRef,
  NetworkPolicy,
  Owner,
  OwnerScope,
} from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { say as english, type Say } from '../guardrails/sentences.ts';
import { policyOf, requireFields, requireSpec } from './field-checks.ts';

/** What becomes of a picture's location (contract 10.5). */
export type LocationPolicy =
  /** Removed before the bytes are hashed; a file it cannot be removed from is refused. */
  | 'remove'
  /** Removed where that is possible; else the file is taken as it is. */
  | 'removeOrKeep'
  /** The bytes are stored as they come. */
  | 'keep';

/**
 * What one field of an entity takes, and how the app's own rows follow it (contract 3.1, 3.3). Times are milliseconds.
 * What `network`, `retention`, `patience`, `grace` and `policy` say is copied into each attachment when it is captured.
 */
export interface FieldSpec {
  readonly kinds: readonly AttachmentKind[];
  /**
   * Media types that the bytes may be, as `image/jpeg` or `video/*`; what they are is sniffed, not believed. SVG, HTML
   * and programs are taken only where their exact type stands here.
   * Default by kind: image JPEG, PNG, GIF, WebP, HEIC, HEIF, AVIF; pdf `application/pdf`; video and audio all of
   * theirs; file everything else.
   */
  readonly contentTypes?: readonly string[];
  /** One ref instead of a list: a second capture is refused, `replace` changes it. Default false. */
  readonly single?: boolean;
  /** Refs at most. Default unlimited; 1 for a single field. */
  readonly maxCount?: number;
  /** Bytes at most for one file. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Width × height at most of an image, from its header (contract 10.6). Default 100,000,000. */
  readonly maxPixels?: number;
  /** Width and height at most, each. Default 32,768. */
  readonly maxSidePixels?: number;
  /** Take files of zero bytes, of kind `file`. Default false. */
  readonly allowEmpty?: boolean;
  /** Whether the first image becomes primary, and the next one when it goes. Default: lists yes, single fields no. */
  readonly primary?: boolean;
  /** Default `remove`. */
  readonly location?: LocationPolicy;
  /** `unmetered`: uploads wait while the link is metered, unless `sendNow` says otherwise (contract 3.4). Default `any`. */
  readonly network?: NetworkPolicy;
  readonly retention?: {
    /** Bytes here after the upload: in the bounded cache, or dropped at once (contract 3.6). Default `cache`. */
    readonly local?: 'cache' | 'drop';
    /** The attached object when its last ref goes (contract 5.2). Default `delete`. */
    readonly remote?: 'delete' | 'keep';
  };
  /** When a retryable error becomes `failed` (contract 4.5). */
  readonly patience?: {
    /** Burnt attempts. Default 10. */
    readonly attempts?: number;
    /** Since the first of them. Default 7 days. */
    readonly ageMs?: number;
  };
  readonly grace?: {
    /** How long a removal can be undone. Default 30 s. */
    readonly undoMs?: number;
    /** How long a draft may stay unlinked. Default 24 h. */
    readonly draftMs?: number;
  };
  /**
   * When storage guardrails hold (contract 7.3): at every save, or only while there is no network, since what is online
   * leaves the device soon. Default `always`.
   */
  readonly guardrails?: 'always' | 'offline';
  /** The same and the rest by the names that the log has. Nothing may be said twice. */
  readonly policy?: Partial<AttachmentPolicy>;
  /**
   * Rewrites the app's own row. Runs in **every** commit that changes the owner's refs, attach included; a throw
   * takes the whole commit back. Synchronous; the refs are in the owner's order.
   */
  project?(tx: SqlTransaction, owner: Owner, refs: readonly AttachmentRef[]): void;
}

/** Fields by `<entityType>.<field>`. */
export type Fields = Readonly<Record<string, FieldSpec>>;

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

/** `<entityType>.<field>`. */
export type FieldName = `${string}.${string}`;

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

/** What its sentences speak of. */
export function isImagesOnly({ kinds }: Pick<Field, 'kinds'>): boolean {
  return kinds.every((kind) => kind === 'image');
}

/** @throws {LadingError} `too_many` when `count` more do not fit beside `present`. */
export function requireRoom(field: Field, present: number, count: number): void {
  if (present + count <= field.maxCount) return;
  const what = field.single
    ? `"${field.name}" holds one file: replace it instead.`
    : field.say(isImagesOnly(field) ? 'too_many_images' : 'too_many', { max: field.maxCount });
  throw new LadingError('too_many', what, {
    details: { field: field.name, present, maxCount: field.maxCount },
  });
}
