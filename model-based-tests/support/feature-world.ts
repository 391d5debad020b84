import {
  type Fields,
  type Lading,
  type LadingOptions,
  type Logger,
  preload,
  type SqlDatabase,
} from 'lading';
import { manualConnectivity } from 'lading/connectivity';
import type { Host, HostedMachine, Json, Service, ServiceRun, StreamId } from 'lading/host';
import {
  type MemoryBlobs,
  type MemoryRemote,
  memoryBlobs,
  memoryRemote,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'lading/testing';
import { ledgerFields } from '../../examples/ledger/fields.ts';
import { createTables } from '../../examples/ledger/schema.ts';
import type { ServiceName } from '../../machines/attachment/events.ts';
import { openWith } from '../../open-lading.ts';
import { until } from './engine.ts';
import { PATH_JITTER } from './paths.ts';

export const ACCOUNT = 'account-1';
/** Long, so that a day's grace does not take thousands of heartbeats. */
const LEASE_MS = 6 * 3_600_000;

/** How an engine with one bug in it differs from the real one. */
export interface FeatureMutant {
  readonly title: string;
  readonly fields?: (real: Fields) => Fields;
  readonly store?: (real: SqlDatabase) => SqlDatabase;
  readonly machine?: (real: HostedMachine) => HostedMachine;
}

/** A service call that waits for its answer. */
export interface HungCall {
  readonly service: ServiceName;
  readonly run: ServiceRun;
  resolve(output: Json): void;
}

/** The ledger's tables and fields on one device; its Lading is opened twice: with services that hang, then for real. */
export interface FeatureWorld {
  readonly clock: VirtualClock;
  readonly store: SqlDatabase;
  readonly blobs: MemoryBlobs;
  readonly remote: MemoryRemote;
  /** What the engine reported as wrong. */
  readonly errors: readonly string[];
  /** Lading whose services answer when `call` says so, and its host. Uploads are paused: none begins by itself. */
  openHung(): Promise<{ readonly lading: Lading; readonly host: Host }>;
  /** The call of a service that runs for an attachment now. */
  call(id: string, service: ServiceName): HungCall | undefined;
  /** Lading as an app opens it, with a remote that takes everything. */
  openReal(): Promise<{ readonly lading: Lading; readonly host: Host }>;
  until<T>(promise: Promise<T>): Promise<T>;
  close(): void;
}

export async function featureWorld(options: {
  readonly store: SqlDatabase;
  readonly dropLocalAtOnce: boolean;
  readonly startAt: number;
  readonly mutant?: FeatureMutant;
}): Promise<FeatureWorld> {
  const { mutant } = options;
  // What is loaded by the first verb that needs it would take virtual time.
  await preload();
  const clock = virtualClock({ startAt: options.startAt });
  const blobs = memoryBlobs();
  const remote = memoryRemote();
  const store = mutant?.store?.(options.store) ?? options.store;
  createTables(store);
  const real = ledgerFields({ maxAttempts: 2, dropLocalAtOnce: options.dropLocalAtOnce });
  const fields = mutant?.fields?.(real) ?? real;
  const calls = new Map<string, HungCall>();
  const errors: string[] = [];
  let processes = 0;

  function optionsOf(): LadingOptions {
    const name = `process-${processes++}`;
    const seeded = seededRandom(name);
    return {
      // The handle stays: closing Lading must not lose a database in memory.
      store: notClosing(store),
      blobs,
      remote,
      connectivity: manualConnectivity({ online: true }),
      onlineDebounceMs: 0,
      concurrency: 64,
      fields,
      account: ACCOUNT,
      clock,
      random: { next: () => PATH_JITTER, bytes: (length) => seeded.bytes(length) },
      logger: reporting(errors),
      runner: { leaseMs: LEASE_MS },
    };
  }

  async function open(services: (machine: HostedMachine) => HostedMachine) {
    let host: Host | undefined;
    const opening = openWith(optionsOf(), {
      machine: (machine) => services(mutant?.machine?.(machine) ?? machine),
      host(opened) {
        host = opened;
        return opened;
      },
    });
    const lading = await until(clock, opening);
    if (host === undefined) throw new Error('it was opened without a host');
    return { lading, host };
  }

  return {
    clock,
    store,
    blobs,
    remote,
    errors,
    async openHung() {
      const opened = await open((machine) => ({ ...machine, services: hungServices(calls) }));
      await opened.lading.pause();
      return opened;
    },
    call: (id, service) => calls.get(`${service} ${id}`),
    openReal: () => open((machine) => machine),
    until: (promise) => until(clock, promise),
    close: () => store.close(),
  };
}

const SERVICES: readonly ServiceName[] = [
  'upload',
  'attach',
  'removeRemote',
  'evict',
  'download',
  'purge',
];

function hungServices(calls: Map<string, HungCall>): Readonly<Record<string, Service>> {
  const hung = (service: ServiceName): Service => ({
    concurrency: 100_000,
    run: (_input, run) =>
      new Promise((resolve, reject) => {
        const key = `${service} ${run.stream}`;
        const call: HungCall = {
          service,
          run,
          resolve(output) {
            calls.delete(key);
            resolve(output);
          },
        };
        calls.set(key, call);
        run.signal.addEventListener('abort', () => {
          if (calls.get(key) === call) calls.delete(key);
          reject(run.signal.reason as Error);
        });
      }),
  });
  return Object.fromEntries(SERVICES.map((service) => [service, hung(service)]));
}

export function asStreamId(id: string): StreamId {
  return id as StreamId;
}

function notClosing(database: SqlDatabase): SqlDatabase {
  return Object.assign(Object.create(database) as SqlDatabase, { close() {} });
}

/** An upload whose bytes are nowhere, or that the remote refuses: some states are just that. */
const FAILED_AS_IT_SHOULD = 'an upload failed and waits for somebody';

function reporting(errors: string[]): Logger {
  const report = (message: string, details?: Readonly<Record<string, unknown>>): void => {
    if (message === FAILED_AS_IT_SHOULD) return;
    const error = details?.['error'];
    errors.push(error instanceof Error ? `${message}: ${error.message}` : message);
  };
  return { debug() {}, info() {}, warn() {}, error: report };
}
