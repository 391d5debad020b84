import type { AttachmentKind } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Field } from './fields.ts';

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
