import type { Json, JsonObject } from '../machines/json.ts';
import type { Cancel } from './clock.ts';
import type { StoreTransaction, StreamId } from './event-store.ts';

/** What a stream's state looks like to those who only look. */
export interface StreamState {
  readonly value: Json;
  readonly context: JsonObject;
  readonly status: 'active' | 'done';
  readonly version: number;
}

/** One decision over streams and rows: durable as a whole, or not at all. */
export interface StreamWork {
  readonly tx: StoreTransaction;
  /**
   * Begins a stream of a machine.
   * @throws {LadingError} `stream_exists`, `unknown_machine`.
   */
  create(stream: StreamId, machine: string, input: JsonObject): unknown;
  /**
   * Begins a new life of a stream that is done; its versions go on.
   * @throws {LadingError} `not_found`; `stream_exists` for one that is not done.
   */
  reopen(stream: StreamId, input: JsonObject): unknown;
  /**
   * Steps a stream; an event that its state does not handle is ignored and not logged.
   * @throws {LadingError} `not_found`, `invalid_event`.
   */
  send(
    stream: StreamId,
    event: { readonly type: string; readonly [key: string]: Json | undefined },
  ): { readonly outcome: 'changed' | 'ignored' };
  /** The present state, this decision's own steps included; undefined when there is none. */
  peek(stream: StreamId): StreamState | undefined;
}

/** What sync needs of the host of machines: to decide, and to hear that something was committed. */
export interface Streams {
  /**
   * Durable when it resolves. `decision` is synchronous and may run more than once.
   * @throws what `decision` throws, and what the store throws; nothing of it happened then.
   */
  transact<T>(decision: (work: StreamWork) => T): Promise<T>;
  /** Calls `listener` after each commit that changed streams. */
  subscribe(listener: () => void): Cancel;
  /**
   * Calls `listener` now and then when streams changed, maybe in another process on the same database, or when the device's
   * clock went back.
   */
  onElsewhere(listener: () => void): Cancel;
}
