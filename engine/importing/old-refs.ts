import type { AttachmentKind } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { requireKind } from '../lifecycle/field-rules.ts';
import type { Field } from '../lifecycle/fields.ts';
import { displayName } from '../lifecycle/validate-file.ts';
import type { ImportRow, OldRef } from './types.ts';

/** An entry of a column with all that could be made of it, and its place for what is wrong with it. */
export interface OldEntry extends OldRef {
  readonly kind: AttachmentKind;
  readonly index: number;
  /** It stands in a column that repeats another one. */
  readonly isMirror: boolean;
}

/** What is wrong with one entry. */
export class EntryTrouble extends Error {
  override readonly name = 'EntryTrouble';
  readonly index: number | null;
  override readonly cause: LadingError;

  constructor(index: number | null, cause: LadingError) {
    super(cause.message, { cause });
    this.index = index;
    this.cause = cause;
  }
}

/**
 * The entries of a row in their order, those of mirrors behind the others.
 * @throws {EntryTrouble} with `invalid_option` for what is no ref, `wrong_kind` for what the field does not take.
 */
export function readOldRefs(row: ImportRow, field: Field): readonly OldEntry[] {
  const columns = [row.value, ...(row.mirrors ?? [])];
  return columns.flatMap((column, at) =>
    entriesOf(column).map((entry, index) => readEntry(row, field, entry, index, at > 0)),
  );
}

function entriesOf(column: unknown): readonly unknown[] {
  if (column === null || column === undefined) return [];
  if (typeof column === 'string') {
    const text = column.trim();
    if (text === '') return [];
    return /^[[{"]/.test(text) || text === 'null' ? entriesOf(parse(text)) : [text];
  }
  return Array.isArray(column) ? column.filter((entry) => entry !== null) : [column];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EntryTrouble(
      null,
      new LadingError('invalid_option', 'The column looks like JSON and is none: mend its text.'),
    );
  }
}

function readEntry(
  row: ImportRow,
  field: Field,
  entry: unknown,
  index: number,
  isMirror: boolean,
): OldEntry {
  const old = typeof entry === 'string' ? { url: entry } : entry;
  const { url } = isObject(old) ? old : {};
  if (!isObject(old) || typeof url !== 'string' || url.trim() === '') {
    throw new EntryTrouble(
      index,
      new LadingError('invalid_option', 'An entry needs a url: a text, or an object with `url`.'),
    );
  }
  const kind = (old['kind'] ?? row.kind ?? onlyKind(field)) as AttachmentKind | undefined;
  try {
    if (kind === undefined) throw kindUnknown(field);
    requireKind(field, kind);
  } catch (error) {
    throw error instanceof LadingError ? new EntryTrouble(index, error) : error;
  }
  return { ...factsOf(old), url: url.trim(), kind, index, isMirror };
}

/** What can be believed; a fact that is not sound is as good as none. */
function factsOf(old: Readonly<Record<string, unknown>>): Omit<OldRef, 'url' | 'kind'> {
  const { mediaId, contentType, byteSize, sha256, isPrimary, filename } = old;
  const name = displayName(filename);
  return {
    ...(typeof mediaId === 'string' && mediaId !== '' ? { mediaId } : {}),
    ...(typeof contentType === 'string' && MEDIA_TYPE.test(contentType)
      ? { contentType: contentType.toLowerCase() }
      : {}),
    ...(typeof byteSize === 'number' && Number.isSafeInteger(byteSize) && byteSize > 0
      ? { byteSize }
      : {}),
    ...(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { sha256 } : {}),
    ...(isPrimary === true ? { isPrimary } : {}),
    ...(name === null ? {} : { filename: name }),
  };
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

function onlyKind(field: Field): AttachmentKind | undefined {
  return field.kinds.length === 1 ? field.kinds[0] : undefined;
}

function kindUnknown(field: Field): LadingError {
  return new LadingError(
    'wrong_kind',
    `"${field.name}" takes ${field.kinds.join(' or ')}: say which, with kind in the row or in the entry.`,
    { details: { field: field.name } },
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
