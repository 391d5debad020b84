import type { AttachmentCommand } from '../../machines/attachment/events.ts';
import { LadingError } from '../../ports/errors.ts';
import type { MachineEvent } from '../host/definition.ts';
import { KINDS } from './content-types.ts';
import { object, oneOf, optional, orNull, type Shape, text, which } from './shapes.ts';

const id = text(200, 1);
const rank = text(500, 1);
const words = text(2_000);
const url = text(4_000, 1);
const owner = object({
  scope: object({ accountId: id, projectId: optional(orNull(id)) }),
  entityType: id,
  entityId: id,
  field: id,
});
const flag = oneOf(true, false);
const place = { owner, rank, isPrimary: flag };
const media = object({
  kind: oneOf(...KINDS),
  contentType: text(255),
  byteSize: which((value) => Number.isSafeInteger(value) && Number(value) >= 0),
  sha256: which((value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
  filename: orNull(text(255)),
});
const nothing = object({});

/** What each event from outside must carry, and nothing else, checked before it is stored. */
const SCHEMAS = {
  'ref.linked': object(place),
  'ref.unlinked': object({
    owner,
    reason: oneOf('removed', 'replaced', 'owner_deleted'),
  }),
  'ref.undone': object({ owner }),
  'ref.moved': object({ owner, rank }),
  'ref.primary': object({ owner, isPrimary: flag }),
  'ref.synced': object(place),
  'ref.tombstoned': object({ owner }),
  cancelled: nothing,
  'upload.started': nothing,
  'upload.opened': object({ handle: url }),
  'upload.interrupted': object({ reason: words }),
  'retry.requested': nothing,
  held: nothing,
  resumed: nothing,
  'credentials.changed': nothing,
  'network.waived': nothing,
  preferred: object({ order: which((value) => Number.isSafeInteger(value) && Number(value) > 0) }),
  'backend.refused': object({
    code: id,
    message: words,
    removedAt: optional(which(Number.isSafeInteger)),
  }),
  'remote.located': object({ url }),
  'remote.missing': nothing,
  pinned: nothing,
  unpinned: nothing,
  'evict.requested': nothing,
  'read.requested': nothing,
  'bytes.missing': nothing,
  'bytes.found': nothing,
  'bytes.given': object({ blobKey: url, media }),
} satisfies Record<AttachmentCommand['type'], Shape>;

/** @throws {LadingError} `invalid_event`. */
export function requireEvent(event: MachineEvent): void {
  const { type, ...payload } = event;
  const schema = Object.hasOwn(SCHEMAS, type) ? SCHEMAS[type as keyof typeof SCHEMAS] : undefined;
  if (schema === undefined) {
    throw new LadingError('invalid_event', `"${type}" is not an event of an attachment.`, {
      details: { type },
    });
  }
  const path = schema(payload);
  if (path === null) return;
  throw new LadingError(
    'invalid_event',
    `The event "${type}" is not sound at "${path}": missing, unknown or out of bounds.`,
    { details: { type, path } },
  );
}
