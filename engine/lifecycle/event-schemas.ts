import * as v from 'valibot';
import type { AttachmentCommand } from '../../machines/attachment/events.ts';
import { LadingError } from '../../ports/errors.ts';
import type { MachineEvent } from '../host/definition.ts';

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const rank = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const text = v.pipe(v.string(), v.maxLength(2_000));
const url = v.pipe(v.string(), v.minLength(1), v.maxLength(4_000));
const owner = v.strictObject({
  scope: v.strictObject({ accountId: id, projectId: v.optional(v.nullable(id)) }),
  entityType: id,
  entityId: id,
  field: id,
});
const place = { owner, rank, isPrimary: v.boolean() };
const media = v.strictObject({
  kind: v.picklist(['image', 'pdf', 'file', 'video', 'audio']),
  contentType: v.pipe(v.string(), v.maxLength(255)),
  byteSize: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  filename: v.nullable(v.pipe(v.string(), v.maxLength(255))),
});
const nothing = {};

/** What each event from outside must carry, and nothing else, checked before it is stored. */
const SCHEMAS = {
  'ref.linked': v.strictObject(place),
  'ref.unlinked': v.strictObject({
    owner,
    reason: v.picklist(['removed', 'replaced', 'owner_deleted']),
  }),
  'ref.undone': v.strictObject({ owner }),
  'ref.moved': v.strictObject({ owner, rank }),
  'ref.primary': v.strictObject({ owner, isPrimary: v.boolean() }),
  'ref.synced': v.strictObject(place),
  'ref.tombstoned': v.strictObject({ owner }),
  cancelled: v.strictObject(nothing),
  'upload.started': v.strictObject(nothing),
  'upload.opened': v.strictObject({ handle: url }),
  'upload.interrupted': v.strictObject({ reason: text }),
  'retry.requested': v.strictObject(nothing),
  held: v.strictObject(nothing),
  resumed: v.strictObject(nothing),
  'credentials.changed': v.strictObject(nothing),
  'backend.refused': v.strictObject({ code: id, message: text }),
  'remote.located': v.strictObject({ url }),
  'remote.missing': v.strictObject(nothing),
  pinned: v.strictObject(nothing),
  unpinned: v.strictObject(nothing),
  'evict.requested': v.strictObject(nothing),
  'read.requested': v.strictObject(nothing),
  'bytes.missing': v.strictObject(nothing),
  'bytes.found': v.strictObject(nothing),
  'bytes.given': v.strictObject({ blobKey: url, media }),
} satisfies Record<AttachmentCommand['type'], v.GenericSchema>;

/** @throws {LadingError} `invalid_event`. */
export function requireEvent(event: MachineEvent): void {
  const { type, ...payload } = event;
  const schema = Object.hasOwn(SCHEMAS, type) ? SCHEMAS[type as keyof typeof SCHEMAS] : undefined;
  if (schema === undefined) {
    throw new LadingError('invalid_event', `"${type}" is not an event of an attachment.`, {
      details: { type },
    });
  }
  const result = v.safeParse(schema, payload);
  if (result.success) return;
  const issue = result.issues[0];
  const path = issue.path?.map((item) => String(item.key)).join('.') ?? '';
  throw new LadingError(
    'invalid_event',
    `The event "${type}" is not sound${path === '' ? '' : ` at "${path}"`}: ${issue.message}.`,
    { details: { type, path } },
  );
}
