import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { expanded } from '../../machines/attachment/tombstone.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import { schemaVersionOf, upcast } from '../../machines/attachment/upcasters.ts';
import { createStepper } from '../../machines/durable/stepper.ts';
import type { JsonObject } from '../../machines/json.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { HostedMachine, Service } from '../host/definition.ts';
import type { Consequences } from './consequences.ts';
import { requireEvent } from './event-schemas.ts';

/** Name of the attachment machine in the log. */
export const ATTACHMENT = 'attachment';

/** The attachment machine as a host keeps it: its services, its projections, what follows from its refs. */
export function hostedAttachment(parts: {
  readonly services: Readonly<Record<string, Service>>;
  readonly tables: AttachmentTables;
  readonly consequences: Consequences;
}): HostedMachine {
  const { services, tables, consequences } = parts;
  return {
    id: ATTACHMENT,
    format: attachmentMachine.version ?? '1',
    stepper: createStepper(attachmentMachine),
    services,
    compacted: {
      expand({ stream, payload, at }) {
        const { value, context } = expanded(stream as string as MediaId, payload, at);
        return { value, context: context as unknown as JsonObject };
      },
    },
    validate: requireEvent,
    schemaVersion: schemaVersionOf,
    upcast(type, schemaVersion, payload) {
      const result = upcast(type, schemaVersion, payload);
      if (result.ok) return result.payload;
      throw new LadingError(
        'unknown_event_version',
        `The log holds ${type} in version ${schemaVersion}, newer than this version of Lading knows. Update the app; nothing was changed.`,
        { details: { type, schemaVersion } },
      );
    },
    project: (tx, change) => tables.project(tx, change.before, change.after),
    beforeCommit: (tx, changes) => consequences.apply(tx, changes),
  };
}
