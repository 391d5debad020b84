import { DatabaseSync } from 'node:sqlite';
import {
  createStepper,
  type HostedMachine,
  type HostOptions,
  type Json,
  openHost,
  type Service,
  type ServiceRun,
  type StreamId,
} from 'lading/host';
import { nodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { type AnyStateMachine, assign, fromPromise, setup } from 'xstate';
import type { DriverOptions } from '../../persistence/drivers/driver.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';

export type Host = Awaited<ReturnType<typeof openHost>>;

/** One device: a database, a virtual clock, and what was logged. */
export interface Device {
  readonly clock: VirtualClock;
  readonly handle: DatabaseSync;
  readonly database: SqlDatabase;
  readonly store: EventStore;
  readonly logged: { readonly level: string; readonly message: string }[];
  readonly logger: Logger;
  open(machines: readonly HostedMachine[], options?: Partial<HostOptions>): Promise<Host>;
  /** Runs a promise of the host to its end; time moves only as far as that needs. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Lets everything run that is due now. */
  quiet(): Promise<void>;
  rows(sql: string): readonly Record<string, unknown>[];
}

/** Each host draws its own runner id. */
let opened = 0;

export function device(
  file = ':memory:',
  options: { readonly clock?: VirtualClock; readonly driver?: DriverOptions } = {},
): Device {
  const clock = options.clock ?? virtualClock();
  const handle = new DatabaseSync(file, { timeout: 0 });
  const database = nodeSqlite(handle, options.driver);
  const store = openSqliteEventStore(database, clock);
  const logged: Device['logged'][number][] = [];
  const log =
    (level: string) =>
    (message: string): void =>
      void logged.push({ level, message });
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watch = (): void => {
      settled = true;
    };
    promise.then(watch, watch);
    await clock.runUntil(() => settled);
    return promise;
  }

  return {
    clock,
    handle,
    database,
    store,
    logged,
    logger,
    until,
    open: (machines, more = {}) =>
      until(
        openHost({
          store,
          clock,
          random: seededRandom(`host ${opened++}`),
          machines,
          logger,
          ...more,
        }),
      ),
    async quiet() {
      await clock.advanceBy(0);
      await clock.advanceBy(0);
    },
    rows: (sql) => handle.prepare(sql).all(),
  };
}

export function hosted(
  id: string,
  machine: AnyStateMachine,
  rest: Partial<HostedMachine> = {},
): HostedMachine {
  return { id, format: '1', stepper: createStepper(machine), services: {}, ...rest };
}

export function stream(id: string): StreamId {
  return id as StreamId;
}

/** A store as a process sees it that may be killed: from then on nothing it does reaches the file. */
export function mortal(store: EventStore): EventStore & { kill(): void } {
  let dead = false;
  const never = new Promise<never>(() => {});
  return {
    transact: (decide) => (dead ? never : store.transact(decide)),
    read: (query) => {
      if (dead) throw new Error('this process is dead');
      return store.read(query);
    },
    close: () => store.close(),
    kill() {
      dead = true;
    },
  };
}

/** A service whose runs a test settles by hand. */
export interface ManualService extends Service {
  readonly calls: ManualCall[];
}

export interface ManualCall {
  readonly input: Json;
  readonly run: ServiceRun;
  readonly resolve: (output: Json) => void;
  readonly reject: (error: unknown) => void;
}

export function manual(options: Omit<Service, 'run'> = {}): ManualService {
  const calls: ManualCall[] = [];
  return {
    ...options,
    calls,
    run: (input, run) =>
      new Promise((resolve, reject) => {
        calls.push({ input, run, resolve, reject });
        run.signal.addEventListener('abort', () => reject(run.signal.reason as Error));
      }),
  };
}

/** Work with an upload, a backoff, an action, an assign that can throw, and an end. */
export const courier = setup({
  types: {
    context: {} as { tries: number; result: string | null; notes: number },
    events: {} as
      | { type: 'go' }
      | { type: 'note' }
      | { type: 'stop' }
      | { type: 'again' }
      | { type: 'break' }
      | { type: 'finish' },
    input: {} as { tries: number | undefined },
  },
  actors: {
    carry: fromPromise<Json, { tries: number }>(() => Promise.reject(new Error('never here'))),
  },
  actions: {
    count: assign({ notes: ({ context }) => context.notes + 1 }),
    burn: assign({ tries: ({ context }) => context.tries + 1 }),
    keep: assign({
      result: ({ event }) => String((event as { output?: { id?: string } }).output?.id),
    }),
    tell: () => {},
  },
  delays: { backoff: 2_000, month: 30 * 24 * 3_600_000 },
  guards: {
    isOk: ({ event }) => (event as { output?: { ok?: boolean } }).output?.ok === true,
    explode: () => {
      throw new Error('a guard threw');
    },
  },
}).createMachine({
  id: 'courier',
  context: ({ input }) => ({ tries: input.tries ?? 0, result: null, notes: 0 }),
  initial: 'idle',
  on: {
    note: { actions: 'count' },
    finish: '.done',
    break: { guard: 'explode', target: '.done' },
  },
  states: {
    idle: { on: { go: 'carrying' } },
    carrying: {
      id: 'courier_carrying',
      invoke: {
        id: 'carry',
        src: 'carry',
        input: ({ context }) => ({ tries: context.tries }),
        onDone: [
          { guard: 'isOk', target: 'resting', actions: ['keep', 'tell'] },
          { target: 'waiting', actions: 'burn' },
        ],
        onError: { target: 'broken' },
      },
      on: { stop: 'idle', again: { target: 'carrying', reenter: true } },
    },
    waiting: { id: 'courier_waiting', after: { backoff: 'carrying' }, on: { stop: 'idle' } },
    resting: { id: 'courier_resting', after: { month: 'done' }, on: { again: 'carrying' } },
    broken: { on: { go: 'carrying' } },
    done: { type: 'final' },
  },
});
