import type { JsonObject } from '../../machines/json.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoredEvent, StreamId } from '../../ports/event-store.ts';
import type { LeaseOptions } from '../../ports/lease-options.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Random } from '../../ports/random.ts';
import type { Change, HostedMachine, MachineEvent, SendOutcome, StateView } from './definition.ts';
import type { Work } from './work.ts';

export interface HostOptions {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly machines: readonly HostedMachine[];
  readonly logger?: Logger;
  readonly lease?: LeaseOptions;
  /** Streams kept in memory. Default 512. */
  readonly cacheSize?: number;
  /** Claims after which a task that never settled is a dead letter. Default 12. */
  readonly maxRuns?: number;
  /** Told at named points between two durable steps; for crash tests. */
  readonly crashPoint?: (name: CrashPoint) => void;
}

/**
 * Where a crash differs: `decided`: all is written, nothing committed; `committed`: durable, nobody knows;
 * `effects_started`: services run, subscribers were not told; `service_settled`: the world was changed, its result is
 * not durable; `claimed`: a waiting task has a holder that does not run it yet; `timer_due`: before it is delivered.
 */
export type CrashPoint =
  | 'decided'
  | 'committed'
  | 'effects_started'
  | 'service_settled'
  | 'claimed'
  | 'timer_due';

/** Asked before a due timer is delivered, which waits for the answer; a rejection leaves it for a later try. */
export type BeforeTimer = (timer: {
  readonly stream: StreamId;
  /** Of the event that it would be. */
  readonly type: string;
}) => Promise<void> | undefined;

/** Keeps machines durable: events before effects, timers and services that survive a kill (design 2). */
export interface Host {
  /**
   * Begins a stream of a registered machine. Durable when it resolves.
   * @throws {LadingError} `stream_exists`, `unknown_machine`, and what the store throws.
   */
  create(stream: StreamId, machine: string, input: JsonObject, key?: string): Promise<SendOutcome>;
  /**
   * Steps a stream. Durable when it resolves; an event that the state does not handle is ignored, not logged.
   * @throws {LadingError} `not_found`, `invalid_event`, and what the store throws.
   */
  send(stream: StreamId, event: MachineEvent, key?: string): Promise<SendOutcome>;
  /** Several steps, of one or more streams, and the app's rows, in one commit (design 2). */
  transact<T>(decision: (work: Work) => T): Promise<T>;
  /** The committed state, or undefined when there is no such stream. */
  state(stream: StreamId): (StateView & { readonly version: number }) | undefined;
  history(stream: StreamId): readonly StoredEvent[];
  /** Loads a stream and keeps it in memory until the result is called; one that is not there is nothing to keep. */
  pin(stream: StreamId): Cancel;
  /** Calls `listener` after each commit that changed streams; a throw in it is logged and changes nothing. */
  subscribe(listener: (changes: readonly Change[]) => void): Cancel;
  /**
   * Calls `listener` now and then (a third of the lease apart) when streams changed, maybe in another process on the
   * same database: `subscribe` tells only of this host's commits. Also when the device's clock went back.
   */
  onElsewhere(listener: () => void): Cancel;
  /** `ask` is asked before each due timer from now on: what it does is seen by the step that the timer would make. */
  beforeTimers(ask: BeforeTimer): void;
  /**
   * Calls `listener` when a service's result was handed in: what is decided in the same turn shares its commit, and is
   * decided after it.
   */
  onSettling(listener: (machine: string, src: string) => void): Cancel;
  /** Calls `listener` when a service or an action ended here, whatever became of its result. */
  onEnded(listener: () => void): Cancel;
  /** Takes up waiting tasks: a service became ready, or a lease may have run out. */
  wake(): void;
  /** Whether tasks of a stream stay rows here: it cannot be read, or its services do not accept it. */
  leavesAlone(stream: StreamId): boolean;
  /** This runner's id, as task rows name their holder. */
  readonly runner: string;
  /** Services and actions running in this process now. */
  readonly running: number;
  /** Streams in memory. */
  readonly cached: number;
  /** Stops services, gives back the lease and waits for commits under way. Does not close the store. */
  close(): Promise<void>;
}
