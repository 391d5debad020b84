import type { StampedEvent, Stepper } from '../../machines/durable/stepper.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import type { NewEvent, StoredEvent, StoreTransaction, StreamId } from '../../ports/event-store.ts';

/** What one run of a service is lent. */
export interface ServiceRun {
  readonly stream: StreamId;
  /** `<stream>:<invoke id>:<run>`: the same for every repetition of this run (contract 4.2). */
  readonly idempotencyKey: string;
  /** Aborted when the machine stopped the service, its lease was lost, or the host closes. */
  readonly signal: AbortSignal;
  /** True when an earlier attempt of this run may have acted already. */
  readonly rerun: boolean;
  /** The stream's committed state now: the task's input is of the step that asked for it, and may be older. */
  state(): StateView | undefined;
  /**
   * Sends the machine an event from within the run; durable when it resolves.
   * @throws {LadingError} `fenced`-like abort: rejects with the signal's reason when the run no longer stands.
   */
  send(event: MachineEvent): Promise<void>;
  /**
   * What to do when nobody takes the result, since the run was stopped or taken over before that was durable: what was
   * made for it alone may go. A kill may come in between; a throw is not told.
   */
  ifDropped(undo: () => Promise<void>): void;
}

/**
 * One effect of a machine, at least once per run. Foreseen failures are resolved values; a throw is a bug and
 * reaches the machine as the invoke's `onError`.
 */
export interface Service {
  run(input: Json, run: ServiceRun): Promise<Json>;
  /** Runs at the same time in this host. Default 4. */
  readonly concurrency?: number;
  /** False: leave the task a row for now; call `host.wake` when it turns true. Default always. */
  ready?(): boolean;
  /** False: this host never runs a task with this input; it stays a row for another host. Default takes all. */
  accepts?(input: Json): boolean;
}

/** A custom action: a named effect without a result, at least once; a throw is tried again. */
export type ActionHandler = (params: Json, run: ServiceRun) => Promise<void>;

/** An event as the outside sends it; the host adds the stamp. */
export interface MachineEvent {
  readonly type: string;
  readonly [key: string]: Json | undefined;
}

/** What a step did, told to projections within the commit and to subscribers after it. */
export interface Change {
  readonly stream: StreamId;
  readonly machine: string;
  readonly version: number;
  readonly event: NewEvent;
  /** Null where a life begins: the first one, or a new one of a stream that was done. */
  readonly before: StateView | null;
  readonly after: StateView;
}

export interface StateView {
  readonly value: Json;
  readonly context: JsonObject;
  readonly status: 'active' | 'done';
}

/** A state that a log keeps in place of the events that led to it. */
export type KeptState = Pick<StateView, 'value' | 'context'>;

/** How the events that stand for others are read (contract 5.5, 9.4). */
export interface ReadsCompacted {
  /** The state that a tombstone stands for, one that is done. Its payload is what any version of `strip` gave. */
  expand(tombstone: StoredEvent): KeptState;
  /**
   * Brings a checkpoint of another format of the machine to the present one.
   * @throws {LadingError} `unknown_event_version` for a format that it does not know. Default: refuses all.
   */
  upcast?(format: string, state: KeptState): KeptState;
}

/** What may stand for a stream's events once nothing happened to it for a while (contract 5.5). */
export interface Compaction {
  /**
   * `checkpoint`: its whole state, from which it goes on; `tombstone`: next to nothing, since it is done, and the
   * machine `expand`s it; `no`: its events stay, whatever their age. A pure function of the state.
   */
  how(state: StateView): 'checkpoint' | 'tombstone' | 'no';
  /** All that a tombstone keeps: as little as `expand` needs. */
  strip(state: StateView): JsonObject;
  /** What of the events somebody still asks for; undefined when nothing. An earlier checkpoint is among them. */
  keep?(events: readonly StoredEvent[]): JsonObject | undefined;
}

/** A machine as a host keeps it: how it steps, how its log is read, what it does. */
export interface HostedMachine {
  /** Name in the log; each life of its streams begins with `<id>.created`. */
  readonly id: string;
  /** Version of the machine's states and context: a snapshot of another version is not used. */
  readonly format: string;
  readonly stepper: Stepper;
  /** Throws a typed error when an event from outside is not as its schema says. Default: takes all. */
  validate?(event: MachineEvent): void;
  /** The present schema version of an event type. Default 1. */
  schemaVersion?(type: string): number;
  /**
   * Brings a stored payload to the present schema version.
   * @throws {LadingError} `unknown_event_version` for a version newer than it knows. Default: refuses all but 1.
   */
  upcast?(type: string, schemaVersion: number, payload: JsonObject): JsonObject;
  /** Default: no tombstones, and checkpoints of the present format only. */
  readonly compacted?: ReadsCompacted;
  readonly services: Readonly<Record<string, Service>>;
  readonly actions?: Readonly<Record<string, ActionHandler>>;
  /** Writes the rows that follow from a step; in its commit. Must be a pure function of the change and the rows. */
  project?(tx: StoreTransaction, change: Change): void;
  /** For `verify`: how this machine's projections of a stream differ from its state; a sentence each. */
  compare?(tx: StoreTransaction, stream: StreamId, after: StateView): readonly string[];
  /** For `verify`: writes the stream's projections anew from its state. */
  rebuild?(tx: StoreTransaction, stream: StreamId, after: StateView): void;
  /** Called once in each commit that changed streams of this machine, after all its projections. */
  beforeCommit?(tx: StoreTransaction, changes: readonly Change[]): void;
}

/** What happened to an event that was sent. */
export type SendOutcome =
  | { readonly outcome: 'changed'; readonly state: StateView; readonly version: number }
  /** The machine does not handle it in this state, or its key was seen: nothing was logged. */
  | { readonly outcome: 'ignored'; readonly state: StateView; readonly version: number };

/** A service result or timer event, internal to the host. */
export type InternalEvent = StampedEvent;
