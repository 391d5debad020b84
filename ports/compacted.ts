import type { JsonObject } from '../machines/json.ts';
import type { NewEvent, StoreTransaction, StreamId } from './event-store.ts';

/**
 * Events that stand for all that a stream had before them (contract 5.5). They are part of the log: the fold goes on
 * from them. Their names are the host's own, whatever machine a stream is of.
 */
export const CHECKPOINT = 'log.checkpoint';
export const TOMBSTONE = 'log.tombstone';

/** Whether an event stands for others, and so is the first of its stream that is left. */
export function isCompacted(type: string): boolean {
  return type === CHECKPOINT || type === TOMBSTONE;
}

/** What a checkpoint event stands for. */
export interface Replaced extends JsonObject {
  /** How many events, those that an earlier checkpoint stood for among them. */
  readonly events: number;
  /** Times of the first and the last of them. Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** How many of each type. */
  readonly types: Readonly<Record<string, number>>;
}

/** Payload of a checkpoint event; the state value is in the event's own `state`. */
export type CheckpointPayload = JsonObject & {
  /** Version of the machine whose state this is. */
  readonly format: string;
  readonly context: JsonObject;
  readonly replaced: Replaced;
  /** What of the events somebody still asks for, as the machine says; left out when there is nothing. */
  readonly kept?: JsonObject;
  /** Idempotency keys of the events, which go on being refused; left out when there were none. */
  readonly keys?: readonly string[];
};

/** A stream that nothing happened to for a while. */
export interface IdleStream {
  readonly stream: StreamId;
  /** Time of its last event. Milliseconds since 1970. */
  readonly touchedAt: number;
}

/** Finds streams that may be compacted, and replaces their events. */
export interface CompactionTable {
  /**
   * Streams with something to compact whose last event is not younger than `until`, oldest first, behind `after`.
   * Those that were passed over are not among them before their next event.
   */
  idle(
    tx: StoreTransaction,
    after: IdleStream | null,
    until: number,
    limit: number,
  ): readonly IdleStream[];
  /**
   * Puts one event in the place of all events of a stream, at the version and the position of the last one, and drops
   * the snapshot: a cache of what the event says.
   * @throws {LadingError} `version_conflict` when the stream is no longer at this version; nothing is written then.
   */
  replace(tx: StoreTransaction, stream: StreamId, version: number, event: NewEvent): void;
  /** Nothing to compact before the next event. @throws {LadingError} `version_conflict`. */
  passOver(tx: StoreTransaction, stream: StreamId, version: number): void;
}
