import { DatabaseSync } from 'node:sqlite';
import {
  type EventStore,
  type Host,
  type HostedMachine,
  openHost,
  type Service,
  type ServiceRun,
  type Stepper,
} from 'lading/host';
import { nodeSqlite } from 'lading/sqlite/node';
import type { AnyMachineSnapshot } from 'xstate';
import { createConsequences } from '../../engine/lifecycle/consequences.ts';
import { createFieldRegistry, type Fields } from '../../engine/lifecycle/fields.ts';
import { hostedAttachment } from '../../engine/lifecycle/hosted.ts';
import type { ServiceName } from '../../machines/attachment/events.ts';
import type { Json } from '../../machines/json.ts';
import { type LadingStore, openStore } from '../../persistence/index.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Random } from '../../ports/random.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';
import { PATH_JITTER } from './paths.ts';
import { definitionsTaken } from './stream-model.ts';
import type { DefinitionId } from './tracer.ts';

/** A service call that waits for its answer. */
export interface LiveCall {
  readonly service: ServiceName;
  readonly input: Json;
  readonly run: ServiceRun;
  resolve(output: unknown): void;
  reject(error: Error): void;
}

/** How a deliberately broken engine differs from the real one. */
export interface Mutant {
  readonly store?: (real: EventStore) => EventStore;
  readonly machine?: (real: HostedMachine) => HostedMachine;
}

/** What outlives a process: the database file, time, and what the tests have seen so far. */
export interface Device {
  readonly clock: VirtualClock;
  readonly fields: Fields;
  readonly mutant: Mutant;
  /** Definitions that an engine here really took. */
  readonly taken: Set<DefinitionId>;
  /** What an engine reported as wrong; a service that throws is told apart, since tests make them throw. */
  readonly errors: string[];
  /** Runners whose process is known to be gone, as another one on the device would find out. */
  readonly gone: Set<string>;
  /** A connection to the database; with a file each is its own, in memory all are one. */
  connect(): Connection;
  close(): void;
}

export interface Connection {
  readonly database: SqlDatabase;
  close(): void;
}

/** One process with an engine in it, whose services answer when a test says so. */
export interface Engine {
  readonly host: Host;
  readonly machine: HostedMachine;
  readonly store: LadingStore;
  readonly live: readonly LiveCall[];
  /** Calls that were told to stop, but may answer late all the same. */
  readonly stopped: readonly LiveCall[];
  /** Ends as an app does that is closed. */
  close(): Promise<void>;
  /** Ends between two instructions: nothing is given back, nothing of it runs any more. */
  kill(): void;
}

const services: readonly ServiceName[] = [
  'upload',
  'attach',
  'removeRemote',
  'evict',
  'download',
  'purge',
];
/** Long, so that a day's grace does not take thousands of heartbeats. */
const LEASE_MS = 6 * 3_600_000;
const MOST_CALLS_AT_ONE_MOMENT = 2_000;

/**
 * @param file path of the database; `':memory:'` for one that lives as long as the device.
 * @param connect opens the database of another driver than `node:sqlite`.
 */
export function device(
  options: {
    readonly file?: string;
    readonly connect?: () => Connection;
    readonly startAt?: number;
    readonly fields?: Fields;
    readonly mutant?: Mutant;
  } = {},
): Device {
  const file = options.file ?? ':memory:';
  const shared = file === ':memory:' ? new DatabaseSync(file) : null;
  const open = new Set<DatabaseSync>();
  return {
    clock: virtualClock(options.startAt === undefined ? {} : { startAt: options.startAt }),
    fields: options.fields ?? {},
    mutant: options.mutant ?? {},
    taken: new Set(),
    errors: [],
    gone: new Set(),
    connect() {
      if (options.connect !== undefined) return options.connect();
      const handle = shared ?? new DatabaseSync(file, { timeout: 0 });
      open.add(handle);
      return {
        database: nodeSqlite(handle),
        close() {
          if (shared === null && open.delete(handle)) handle.close();
        },
      };
    },
    close() {
      for (const handle of open) handle.close();
      open.clear();
    },
  };
}

/** Starts a process on the device's database: recovery is the normal start. */
export async function startEngine(on: Device, name = 'engine'): Promise<Engine> {
  const { clock, mutant } = on;
  const connection = on.connect();
  let alive = true;
  let closing = false;
  const live = new Set<LiveCall>();
  const stopped = new Set<LiveCall>();
  const processClock = {
    now: () => clock.now(),
    schedule: (delayMs: number, run: () => void) => clock.schedule(delayMs, () => alive && run()),
  };
  const random = chance(name);
  const store = openStore(connection.database, processClock, random);
  const events = mutant.store?.(store.events) ?? store.events;
  const real = hostedAttachment({
    services: fakeServices(live, stopped, () => closing),
    tables: store.tables,
    consequences: createConsequences({
      tables: store.tables,
      outbox: store.outbox,
      fields: createFieldRegistry(on.fields),
      installationId: store.installationId,
    }),
  });
  const changed = mutant.machine?.(real) ?? real;
  const machine = { ...changed, stepper: watched(changed.stepper, on.taken) };
  const host = await until(
    clock,
    openHost({
      store: events,
      clock: processClock,
      random,
      machines: [machine],
      logger: reporting(on.errors, () => alive),
      lease: {
        leaseMs: LEASE_MS,
        info: { process: name },
        isGone: ({ process }) => typeof process === 'string' && on.gone.has(process),
      },
    }),
  );
  return {
    host,
    machine,
    store: { ...store, events },
    get live() {
      return [...live];
    },
    get stopped() {
      return [...stopped];
    },
    async close() {
      closing = true;
      for (const call of stopped) call.reject(call.run.signal.reason as Error);
      await until(clock, host.close());
      await until(clock, Promise.resolve());
      alive = false;
      connection.close();
    },
    kill() {
      alive = false;
      on.gone.add(name);
      live.clear();
      stopped.clear();
      connection.close();
    },
  };
}

/** Runs a promise of an engine to its end; time moves only as far as that needs. */
export async function until<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const watch = (): void => {
    settled = true;
  };
  promise.then(watch, watch);
  await clock.runUntil(() => settled, { maxRuns: MOST_CALLS_AT_ONE_MOMENT });
  return promise;
}

/** Lets everything run that is due now. @throws when it never ends: something is due again and again. */
export async function quiet(clock: VirtualClock): Promise<void> {
  await clock.settle();
  for (let calls = 0; (clock.nextDueMs() ?? Number.POSITIVE_INFINITY) <= clock.elapsedMs; calls++) {
    if (calls > MOST_CALLS_AT_ONE_MOMENT) throw new Error('the engine never comes to rest');
    await clock.runNext();
  }
}

/** Moves time, moment by moment. */
export async function passTime(clock: VirtualClock, toMs: number): Promise<void> {
  for (;;) {
    await quiet(clock);
    const next = clock.nextDueMs();
    if (next === undefined || next > toMs) break;
    await clock.runNext();
  }
  await clock.advanceTo(toMs);
}

function fakeServices(
  live: Set<LiveCall>,
  stopped: Set<LiveCall>,
  isClosing: () => boolean,
): Readonly<Record<string, Service>> {
  const fake = (service: ServiceName): Service => ({
    concurrency: 1_000,
    run: (input, run) =>
      new Promise((resolve, reject) => {
        const call: LiveCall = {
          service,
          input,
          run,
          resolve(output) {
            live.delete(call);
            stopped.delete(call);
            resolve(output as Json);
          },
          reject(error) {
            live.delete(call);
            stopped.delete(call);
            reject(error);
          },
        };
        live.add(call);
        // It does not heed the machine's stop (the bytes may be in a proxy already), only the end of the app.
        run.signal.addEventListener('abort', () => {
          live.delete(call);
          stopped.add(call);
          if (isClosing()) call.reject(run.signal.reason as Error);
        });
      }),
  });
  return Object.fromEntries(services.map((service) => [service, fake(service)]));
}

/** Counts what the engine itself steps, with its own snapshots and events. */
function watched(stepper: Stepper, taken: Set<DefinitionId>): Stepper {
  const note = (ids: readonly DefinitionId[]): void => {
    for (const id of ids) taken.add(id);
  };
  return {
    ...stepper,
    init(input) {
      note(definitionsTaken(null, input));
      return stepper.init(input);
    },
    step(snapshot, event) {
      note(definitionsTaken(snapshot as unknown as AnyMachineSnapshot, event));
      return stepper.step(snapshot, event);
    },
  };
}

function reporting(errors: string[], isAlive: () => boolean): Logger {
  const report = (message: string, details?: Readonly<Record<string, unknown>>): void => {
    if (!isAlive() || message === 'a service threw') return;
    const error = details?.['error'];
    errors.push(error instanceof Error ? `${message}: ${error.message}` : message);
  };
  return { debug() {}, info() {}, warn: report, error: report };
}

/** Every stamp has the jitter that the paths were computed with; ids differ from process to process. */
function chance(name: string): Random {
  const seeded = seededRandom(name);
  return { next: () => PATH_JITTER, bytes: (length) => seeded.bytes(length) };
}
