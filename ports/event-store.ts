import type { Json, JsonObject } from '../machines/json.ts';
import type { SqlTransaction } from './sql.ts';

/** One machine instance's events; for an attachment, its mediaId. */
export type StreamId = string & { readonly __brand: 'StreamId' };

/** An event about to be appended. Its state value is what the machine was in afterwards (contract 9.1). */
export interface NewEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly at: number;
  readonly jitter: number;
  readonly payload: JsonObject;
  readonly state: Json;
  /** Idempotency key of the command; unique within the stream. */
  readonly key: string | null;
}

export interface StoredEvent extends NewEvent {
  readonly stream: StreamId;
  /** 1 for the first event of the stream, without gaps. */
  readonly version: number;
  /** Order over all streams; with gaps. */
  readonly position: number;
}

export interface StreamHead {
  readonly machine: string;
  readonly version: number;
  readonly status: 'active' | 'done';
}

/** A cache of the fold of the first `version` events; never the only copy (contract 9.2). */
export interface StoredSnapshot {
  readonly version: number;
  /** Which machine version wrote it; another one's snapshot is not used. */
  readonly format: string;
  readonly body: Json;
}

/** `invoke`: a service to run. `timer`: an event due at `dueAt`. `action`: a named effect without a result. */
export type TaskKind = 'invoke' | 'timer' | 'action';

/** What a commit asked for and the world still owes; deleted by the commit that settles it. */
export interface Task {
  readonly stream: StreamId;
  /** The machine of the stream: tasks of one that is not registered wait. */
  readonly machine: string;
  readonly kind: TaskKind;
  readonly name: string;
  /** The stream's version that started it: with stream, kind and name this is the fence (contract 9.3). */
  readonly run: number;
  /** Service or action name; for a timer, the machine's event type. */
  readonly src: string;
  readonly input: Json;
  readonly startedAt: number;
  /** Timers: event time + delay, never rewritten (contract 4.5). Else `startedAt`. */
  readonly dueAt: number;
  /** How often a run was claimed. */
  readonly attempts: number;
  /** The runner that holds it, or null. */
  readonly runner: string | null;
  /** Why it was set aside, if it was. */
  readonly buried?: string | null;
}

export type TaskId = Pick<Task, 'stream' | 'kind' | 'name' | 'run'>;

/** The append-only log. */
export interface LogTransaction {
  head(stream: StreamId): StreamHead | undefined;
  /**
   * Appends with the expected version (0: the stream must not exist).
   * @throws {LadingError} `version_conflict`; nothing is written then.
   */
  append(
    stream: StreamId,
    expectedVersion: number,
    events: readonly NewEvent[],
    head: Pick<StreamHead, 'machine' | 'status'>,
  ): void;
  read(stream: StreamId, afterVersion?: number): readonly StoredEvent[];
  hasKey(stream: StreamId, key: string): boolean;
  /** Position of the newest event of all; 0 when there is none. */
  lastPosition(): number;
  /** Up to `limit` streams with ids after `after` (`''`: from the beginning), in the order of their ids. */
  streams(after: string, limit: number): readonly StreamId[];
  /** Writes the head anew, from the log: for repairs. */
  repairHead(stream: StreamId, head: StreamHead): void;
  snapshot(stream: StreamId): StoredSnapshot | undefined;
  saveSnapshot(stream: StreamId, snapshot: StoredSnapshot): void;
}

/** Tasks: running services, durable timers, actions. */
export interface TaskTransaction {
  put(task: Task): void;
  remove(stream: StreamId, kind: TaskKind, name: string): void;
  /** All tasks of a stream but its actions: it reached its end. */
  clear(stream: StreamId): void;
  /** Deletes the task if it still stands with this run and, if `runner` is given, is held by that runner. */
  settle(task: TaskId, runner?: string): boolean;
  /** Whether the task still stands with this run and runner. */
  holds(task: TaskId, runner: string): boolean;
  /** Takes the task for `runner` if its holder is `from`; counts an attempt. */
  claim(task: TaskId, from: string | null, runner: string): boolean;
  /** What `runner` holds. */
  held(runner: string): readonly Task[];
  /**
   * Gives back what `runner` holds, or only `task`, so that anybody may claim it. The claim is not held against the
   * task, except that the next run is a repetition.
   */
  release(runner: string, task?: TaskId): void;
  /** Sets a task aside that cannot be settled; nobody runs it until `revive`, or until `put` renews it. */
  bury(task: TaskId, reason: string): void;
  /** Gives the buried tasks of a machine another chance; returns how many there were. */
  revive(machine: string): number;
  /** Unclaimed or orphaned (holder without a live lease at `now`) invokes and actions of these sources, oldest first. */
  claimable(machine: string, srcs: readonly string[], now: number, limit: number): readonly Task[];
  /** Timers of a machine, soonest due first, due already or not. */
  timers(machine: string, limit: number): readonly Task[];
  /** Timers begun after `now` (the clock went back), shortest delay first. */
  skewedTimers(machine: string, now: number, limit: number): readonly Task[];
  of(stream: StreamId): readonly Task[];
}

/** Leases: one row a runner, not one a stream (design 2). */
export interface RunnerTransaction {
  /** Holds or renews the runner's lease. `info` lets another process on the machine see that it is gone. */
  renew(runner: string, expiresAt: number, info: JsonObject): void;
  drop(runner: string): void;
  all(): readonly {
    readonly runner: string;
    readonly expiresAt: number;
    readonly info: JsonObject;
  }[];
}

/** What one decision sees and writes; all of it, or nothing, becomes durable. */
export interface StoreTransaction {
  readonly log: LogTransaction;
  readonly tasks: TaskTransaction;
  readonly runners: RunnerTransaction;
  /** The connection itself: for projections in persistence/ and for the app's own rows. */
  readonly sql: SqlTransaction;
}

/** Events, tasks and leases on one SQLite database, with group commit. */
export interface EventStore {
  /**
   * Runs `decide`, which must be synchronous, within the next group's transaction, in a savepoint of its own:
   * when it throws, only what it wrote is taken back. Resolves after COMMIT: durable.
   * @throws what `decide` throws.
   * @throws {LadingError} `commit_failed` | `disk_full` | `database_busy` | `closed`: nothing of it happened.
   */
  transact<T>(decide: (tx: StoreTransaction) => T): Promise<T>;
  /** Reads committed state: one state, whatever others commit meanwhile. `query` must not write. */
  read<T>(query: (tx: StoreTransaction) => T): T;
  /** Finishes what was handed in and closes the store. */
  close(): Promise<void>;
}
