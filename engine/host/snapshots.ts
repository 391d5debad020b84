import { toMachineEvent } from '../../machines/durable/event-names.ts';
import type { Snapshot, Step } from '../../machines/durable/stepper.ts';
import type { JsonObject } from '../../machines/json.ts';
import type { Cancel } from '../../ports/clock.ts';
import { type CheckpointPayload, isCompacted, TOMBSTONE } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoredEvent, StoreTransaction, StreamId } from '../../ports/event-store.ts';
import type { HostedMachine } from './definition.ts';

/** One stream in memory. */
export interface Loaded {
  readonly machine: HostedMachine;
  readonly version: number;
  readonly snapshot: Snapshot;
}

/** Recently used streams; the rest are rows (virtual actors, design 2). */
export interface SnapshotCache {
  get(stream: StreamId): Loaded | undefined;
  set(stream: StreamId, loaded: Loaded): void;
  delete(stream: StreamId): void;
  /** Keeps a stream, whatever is used more recently, until the result is called. */
  pin(stream: StreamId): Cancel;
  readonly size: number;
}

/** @param capacity streams kept, least recently used first out; pinned ones beside them. */
export function createSnapshotCache(capacity: number): SnapshotCache {
  const entries = new Map<StreamId, Loaded>();
  const pins = new Map<StreamId, number>();

  function dropOldest(): void {
    if (entries.size <= capacity + pins.size) return;
    for (const stream of entries.keys()) {
      if (pins.has(stream)) continue;
      entries.delete(stream);
      return;
    }
  }

  return {
    get(stream) {
      const found = entries.get(stream);
      if (found === undefined) return undefined;
      entries.delete(stream);
      entries.set(stream, found);
      return found;
    },
    set(stream, loaded) {
      entries.delete(stream);
      entries.set(stream, loaded);
      dropOldest();
    },
    delete: (stream) => void entries.delete(stream),
    pin(stream) {
      pins.set(stream, (pins.get(stream) ?? 0) + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        const left = (pins.get(stream) ?? 1) - 1;
        if (left > 0) pins.set(stream, left);
        else pins.delete(stream);
        dropOldest();
      };
    },
    get size() {
      return entries.size;
    },
  };
}

/** The stream's state at `version`: from its snapshot row if that is current and of this format, else from the log. */
export function replay(
  tx: StoreTransaction,
  stream: StreamId,
  machine: HostedMachine,
  version: number,
): Snapshot {
  const stored = restored(tx, stream, machine, version);
  let state = stored?.state;
  // The last event behind the snapshot is read too: one of a newer version must be noticed (contract 9.4).
  for (const event of tx.log.read(stream, Math.max(0, (stored?.version ?? 0) - 1))) {
    if (stored !== undefined && event.version <= stored.version) upcast(machine, event);
    else state = foldStep(machine, state, event).snapshot;
  }
  if (state === undefined) {
    throw new LadingError('database_corrupt', `Stream ${stream} has a head but no events.`, {
      details: { stream },
    });
  }
  return state;
}

/** A snapshot is a cache: one that is of no use costs time, never the stream (contract 9.2). */
function restored(
  tx: StoreTransaction,
  stream: StreamId,
  machine: HostedMachine,
  version: number,
): { readonly state: Snapshot; readonly version: number } | undefined {
  const stored = tx.log.snapshot(stream);
  if (stored === undefined || stored.format !== machine.format) return undefined;
  if (stored.version > version || stored.version < 1) return undefined;
  try {
    return { state: machine.stepper.restore(stored.body), version: stored.version };
  } catch {
    return undefined; // states were renamed without a new format, or the row is damaged: `verify` tells
  }
}

/** One event of the log onto the state before it. */
export function foldStep(
  machine: HostedMachine,
  state: Snapshot | undefined,
  event: StoredEvent,
): Step {
  if (isCompacted(event.type)) {
    return { snapshot: resumed(machine, event), changed: true, effects: [] };
  }
  const payload = upcast(machine, event);
  const stamp = { at: event.at, jitter: event.jitter };
  // At a later version it begins a new life of a stream that was done: nothing of the old state is left.
  return state === undefined || event.type === createdType(machine)
    ? machine.stepper.init({ ...(payload['input'] as JsonObject), ...stamp })
    : machine.stepper.step(state, toMachineEvent(event.type, payload, stamp));
}

/** The type of the event that begins a life. */
export function createdType(machine: Pick<HostedMachine, 'id'>): string {
  return `${machine.id}.created`;
}

/** The state that a checkpoint or a tombstone stands for. @throws {LadingError} `unknown_event_version`. */
function resumed(machine: HostedMachine, event: StoredEvent): Snapshot {
  const { compacted, format, stepper } = machine;
  if (event.schemaVersion !== 1) throw unknownVersion(event);
  if (event.type === TOMBSTONE) {
    if (compacted === undefined) throw unknownVersion(event);
    return stepper.resume(compacted.expand(event));
  }
  const { format: written, context } = event.payload as CheckpointPayload;
  const state = { value: event.state, context };
  if (written === format) return stepper.resume(state);
  if (compacted?.upcast === undefined) throw unknownVersion(event);
  return stepper.resume(compacted.upcast(written, state));
}

function upcast(machine: HostedMachine, event: StoredEvent): JsonObject {
  if (isCompacted(event.type)) {
    resumed(machine, event);
    return event.payload;
  }
  if (machine.upcast !== undefined) {
    return machine.upcast(event.type, event.schemaVersion, event.payload);
  }
  if (event.schemaVersion === 1) return event.payload;
  throw unknownVersion(event);
}

function unknownVersion({ type, stream, schemaVersion }: StoredEvent): LadingError {
  return new LadingError(
    'unknown_event_version',
    `Event ${type} of stream ${stream}, schema version ${schemaVersion}, was written by a newer version than this one knows. Update the app; nothing was changed.`,
    { details: { stream, type, schemaVersion } },
  );
}
