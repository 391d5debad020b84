import type { AttachmentKind } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { sizeText } from '../guardrails/size-text.ts';
import { typesFor } from '../lifecycle/content-types.ts';
import { isImagesOnly } from '../lifecycle/field-rules.ts';
import type { Field } from '../lifecycle/fields.ts';

/** A refusal names what was found, the user's sentence what is wanted (contract 3.1). */
export function notTaken(field: Field, kind: AttachmentKind, found: string): LadingError {
  return new LadingError('wrong_content_type', wanted(field), {
    details: { field: field.name, kind, found: found.slice(0, 100) },
  });
}

/** @param why completes "It cannot be read: …". */
export function unreadable(field: Field, found: string, why: string): LadingError {
  return new LadingError('image_unreadable', wanted(field), {
    details: { field: field.name, found, why },
  });
}

export function imageTooLarge(field: Field, width: number, height: number): LadingError {
  const { name, maxPixels, maxSidePixels } = field;
  return new LadingError('image_too_large', field.say('image_too_large', { width, height }), {
    details: { field: name, width, height, maxPixels, maxSidePixels },
  });
}

/** @param why completes "The location cannot be removed: …". */
export function stuckLocation(field: Field, why: string): LadingError {
  return new LadingError('location_not_removable', field.say('location_not_removable'), {
    details: { field: field.name, why },
  });
}

function wanted(field: Field): string {
  const types = field.kinds.flatMap((kind) => typesFor(field.contentTypes, kind).map(typeText));
  return field.say(isImagesOnly(field) ? 'invalid_image' : 'wrong_content_type', {
    types: listText([...new Set(types)]),
    max: sizeText(field.maxBytes),
  });
}

const NAMES: Readonly<Record<string, string>> = {
  'image/jpeg': 'JPEG',
  'image/png': 'PNG',
  'image/gif': 'GIF',
  'image/webp': 'WebP',
  'image/heic': 'HEIC/HEIF',
  'image/heif': 'HEIC/HEIF',
  'image/avif': 'AVIF',
  'image/*': 'an image',
  'application/pdf': 'PDF',
  'video/*': 'a video',
  'audio/*': 'a recording',
  '*/*': 'another file',
};

/** How people call a media type; of most the second half says enough. */
function typeText(type: string): string {
  return NAMES[type] ?? type.slice(type.indexOf('/') + 1).toUpperCase();
}

function listText(names: readonly string[]): string {
  return names.join(', ');
}
