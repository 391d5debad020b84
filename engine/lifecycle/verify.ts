import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { HostedMachine } from '../host/definition.ts';

export interface VerifyOptions {
  /** Writes anew what differs from the log. Default false. */
  readonly repair?: boolean;
}

export interface VerifyReport {
  readonly ok: boolean;
}

export function createVerify(_parts: {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly machine: HostedMachine;
  readonly clock: Clock;
}): (options?: VerifyOptions) => Promise<VerifyReport> {
  return () => Promise.reject(new LadingError('not_available', 'verify is not in this version.'));
}
