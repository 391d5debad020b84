import type { AttachmentKind, MediaId, Owner } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Say } from '../guardrails/sentences.ts';
import { sizeText } from '../guardrails/size-text.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';
import { requireKind } from './field-rules.ts';
import type { Field, FieldRegistry } from './fields.ts';
import { requireOwnerOf } from './own-account.ts';
import { requireMediaId, requireOptions } from './validate.ts';
import { requireFilename, requireSource } from './validate-file.ts';
import { factsOf, tellWhich } from './which-file.ts';

/** One file to capture. */
export interface CaptureFile {
  readonly source: CaptureSource;
  readonly kind: AttachmentKind;
  /** Made beforehand with `newMediaId()`. Default a new one. */
  readonly id?: string;
  /** For people to read. Default the source's. */
  readonly filename?: string;
}

/** A file that passed everything that can be checked before a byte is stored (contract 3.1). */
export interface PreparedCapture {
  readonly source: CaptureSource;
  readonly mediaId: MediaId;
  readonly field: Field;
  readonly owner: Owner;
  readonly kind: AttachmentKind;
  readonly filename: string | null;
  readonly contentType: string;
}

export interface PrepareParts {
  readonly host: Host;
  readonly fields: FieldRegistry;
  readonly accountId: string;
  /** The user's sentences, translated. */
  readonly say: Say;
  newMediaId(): MediaId;
}

const UNKNOWN_TYPE = 'application/octet-stream';
/** RFC 6838 4.2: restricted names; parameters are dropped. */
const MEDIA_TYPE =
  /^([a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126})\s*(?:;|$)/i;

/**
 * @param index the file's place among those of one call, for what is wrong with it.
 * @param mayBeKnown the bytes may be those of a ref that is known by name already (an import).
 * @throws {LadingError} `invalid_id`, `wrong_account`, `unknown_field`, `wrong_kind`, `file_too_large`, `source_empty`,
 *   `id_taken`; `invalid_option` for a source that is none.
 */
export function prepareCapture(
  parts: PrepareParts,
  owner: Owner,
  file: CaptureFile,
  index = 0,
  mayBeKnown = false,
): PreparedCapture {
  requireOwnerOf(parts.accountId, owner);
  const field = parts.fields.get(owner);
  return tellWhich({ index, ...factsOf(file) }, () =>
    prepareFile(parts, field, owner, file, mayBeKnown),
  );
}

function prepareFile(
  parts: PrepareParts,
  field: Field,
  owner: Owner,
  file: CaptureFile,
  mayBeKnown: boolean,
): PreparedCapture {
  const { kind } = requireOptions('file', file);
  const source = requireSource(file.source);
  requireKind(field, kind);
  requireSize(field, source.sizeBytes, parts.say);
  const mediaId = file.id === undefined ? parts.newMediaId() : requireMediaId(file.id);
  if (!mayBeKnown && parts.host.state(asStream(mediaId)) !== undefined) throw idTaken(mediaId);
  return {
    source,
    mediaId,
    field,
    owner,
    kind,
    filename: requireFilename(file.filename ?? source.filename),
    contentType: claimedType(source.contentType),
  };
}

/** @throws {LadingError} `source_empty`, `file_too_large`. */
export function requireSize(field: Field, sizeBytes: number | undefined, say: Say): void {
  if (sizeBytes === 0 && !field.allowEmpty) {
    throw new LadingError('source_empty', 'The file is empty: choose another one.', {
      details: { field: field.name },
    });
  }
  if (sizeBytes !== undefined && sizeBytes > field.maxBytes) throw tooLarge(field, say);
}

export function tooLarge(field: Field, say: Say): LadingError {
  return new LadingError(
    'file_too_large',
    say('file_too_large', { max: sizeText(field.maxBytes) }),
    { details: { field: field.name, maxBytes: field.maxBytes } },
  );
}

export function idTaken(mediaId: MediaId): LadingError {
  return new LadingError(
    'id_taken',
    `There is an attachment ${mediaId} already: ids are never used twice; make one with newMediaId().`,
    { details: { mediaId } },
  );
}

/** What the giver claims, if it is a media type at all: it ends up in headers (contract 10.1). */
function claimedType(claimed: unknown): string {
  return (
    MEDIA_TYPE.exec(typeof claimed === 'string' ? claimed.trim() : '')?.[1]?.toLowerCase() ??
    UNKNOWN_TYPE
  );
}
