import type { JsonObject } from '../json.ts';
import { delays } from './delays.ts';
import type { AttachmentCommand, ServiceName } from './events.ts';

/** Brings a payload from one schema version to the next. Pure; never looks at anything but the payload. */
export type Upcaster = (payload: JsonObject) => JsonObject;

export type UpcastResult =
  | { readonly ok: true; readonly payload: JsonObject }
  /** A newer version of Lading wrote it: refuse the log, leave it untouched (contract 9.4). */
  | { readonly ok: false; readonly reason: 'newer_version' | 'unknown_type' };

/**
 * Every event type that a log of attachments may hold, with the steps from its first schema version to the present
 * one: as many as the version number less one. Old events are never rewritten; they are read through these.
 */
export type EventSchemas = Readonly<Record<string, readonly Upcaster[]>>;

export interface EventReader {
  /** The schema version that new events of `type` are written with: 1 and up. */
  schemaVersionOf(type: string): number;
  upcast(type: string, schemaVersion: number, payload: JsonObject): UpcastResult;
}

/** Reads events of `schemas`. */
export function createEventReader(schemas: EventSchemas): EventReader {
  const stepsOf = (type: string): readonly Upcaster[] | undefined =>
    Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  return {
    schemaVersionOf: (type) => (stepsOf(type)?.length ?? 0) + 1,
    upcast(type, schemaVersion, payload) {
      const steps = stepsOf(type);
      if (steps === undefined) return { ok: false, reason: 'unknown_type' };
      if (schemaVersion > steps.length + 1) return { ok: false, reason: 'newer_version' };
      const missing = steps.slice(schemaVersion - 1);
      return { ok: true, payload: missing.reduce((older, step) => step(older), payload) };
    },
  };
}

/** Still as they were first written. */
const unchanged: readonly Upcaster[] = [];

const commandSchemas: Readonly<Record<AttachmentCommand['type'], readonly Upcaster[]>> = {
  'ref.linked': unchanged,
  'ref.unlinked': unchanged,
  'ref.undone': unchanged,
  'ref.moved': unchanged,
  'ref.primary': unchanged,
  'ref.synced': unchanged,
  'ref.tombstoned': unchanged,
  cancelled: unchanged,
  'upload.started': unchanged,
  'upload.opened': unchanged,
  'upload.interrupted': unchanged,
  'retry.requested': unchanged,
  held: unchanged,
  resumed: unchanged,
  'credentials.changed': unchanged,
  'network.waived': unchanged,
  preferred: unchanged,
  'backend.refused': unchanged,
  'remote.located': unchanged,
  'remote.missing': unchanged,
  pinned: unchanged,
  unpinned: unchanged,
  'evict.requested': unchanged,
  'read.requested': unchanged,
  'bytes.missing': unchanged,
  'bytes.found': unchanged,
  'bytes.given': unchanged,
};

const services = ['upload', 'attach', 'removeRemote', 'evict', 'download', 'purge'] as const;
/** Compiles only where no service is left out. */
type Listed<Name extends (typeof services)[number]> = Name;

/** All types of the log: `attachment.created`, commands, answers of services, elapsed timers. */
export const attachmentEventSchemas: EventSchemas = {
  'attachment.created': unchanged,
  ...commandSchemas,
  ...Object.fromEntries(
    services.flatMap((service: Listed<ServiceName>) =>
      ['succeeded', 'failed', 'settled', 'crashed'].map((how) => [`${service}.${how}`, unchanged]),
    ),
  ),
  ...Object.fromEntries(Object.keys(delays).map((delay) => [`${delay}.elapsed`, unchanged])),
};

const reader = createEventReader(attachmentEventSchemas);

/** The schema version that new events of `type` are written with. */
export function schemaVersionOf(type: string): number {
  return reader.schemaVersionOf(type);
}

/** Brings a stored payload to the present schema version, or says that this version is too old to read it. */
export function upcast(type: string, schemaVersion: number, payload: JsonObject): UpcastResult {
  return reader.upcast(type, schemaVersion, payload);
}
