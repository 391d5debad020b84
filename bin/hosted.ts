import type { HostedMachine } from '../engine/host/definition.ts';
import { hostedAttachment } from '../engine/lifecycle/hosted.ts';
import { attachmentTables } from '../persistence/attachment/tables.ts';

let hosted: HostedMachine | undefined;

/** The attachment machine to replay logs with: it runs no service and writes nothing. */
export function readOnlyAttachment(): HostedMachine {
  hosted ??= hostedAttachment({
    services: {},
    tables: attachmentTables,
    consequences: { apply() {} },
  });
  return hosted;
}
