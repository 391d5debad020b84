import {
  type AttachmentPolicy,
  type Fields,
  type Lading,
  type LadingOptions,
  type Logger,
  preload,
  type SqlDatabase,
} from 'lading';
import { manualConnectivity } from 'lading/connectivity';
import type { Host, HostedMachine, Json, Service, ServiceRun, StreamId, Work } from 'lading/host';
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
import type { Backend } from '../../ports/backend.ts';
import type { Remote } from '../../ports/remote.ts';
import { quiet, until } from './engine.ts';
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
  reject(error: Error): void;
}

/** Lading of one process, and its host. */
export interface OpenedWorld {
  readonly lading: Lading;
  readonly host: Host;
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
  openHung(): Promise<OpenedWorld>;
  /**
   * The same, but as a process that may come and go between two steps: nothing begins by itself, also not by a start,
   * and services that were stopped may answer all the same.
   */
  openWaiting(): Promise<OpenedWorld>;
  /** The call of a service that runs for an attachment now. */
  call(id: string, service: ServiceName): HungCall | undefined;
  /** Calls that were stopped, and that may still answer. */
  stopped(id: string): readonly HungCall[];
  /** Lading as an app opens it, with a remote that takes everything. */
  openReal(crashPoint?: (name: string) => void): Promise<OpenedWorld>;
  /** Ends the process that was opened last between two instructions: nothing of it runs any more. */
  kill(): void;
  until<T>(promise: Promise<T>): Promise<T>;
  close(): void;
}

export async function featureWorld(options: {
  readonly store: SqlDatabase;
  /** What the app's fields do differently. */
  readonly policy?: Partial<AttachmentPolicy>;
  readonly startAt: number;
  /** Also says when files were written. Default one of its own that begins at `startAt`, and files as old as can be. */
  readonly clock?: VirtualClock;
  readonly mutant?: FeatureMutant;
  /** Whom the real one syncs with. Default nobody. */
  readonly backend?: Backend;
  /** What stands between the engine and the remote. */
  readonly remote?: (real: MemoryRemote) => Remote;
  /** Larger files are uploads that have a handle. */
  readonly resumableAboveBytes?: number;
}): Promise<FeatureWorld> {
  const { mutant } = options;
  // What is loaded by the first verb that needs it would take virtual time.
  await preload();
  const clock = options.clock ?? virtualClock({ startAt: options.startAt });
  const blobs = memoryBlobs(options.clock === undefined ? {} : { clock });
  const { resumableAboveBytes } = options;
  const remote = memoryRemote(resumableAboveBytes === undefined ? {} : { resumableAboveBytes });
  const store = mutant?.store?.(options.store) ?? options.store;
  createTables(store);
  const real = ledgerFields({ maxAttempts: 2, ...options.policy });
  const fields = mutant?.fields?.(real) ?? real;
  const calls = new Map<string, HungCall>();
  const stopped = new Set<HungCall>();
  const errors: string[] = [];
  const killed = new Set<string>();
  let processes = 0;

  function optionsOf(): LadingOptions {
    const name = `process-${processes++}`;
    const seeded = seededRandom(name);
    const isDead = (): boolean => killed.has(name);
    return {
      // The handle stays: closing Lading must not lose a database in memory.
      store: ofProcess(store, isDead),
      blobs,
      remote: options.remote?.(remote) ?? remote,
      connectivity: manualConnectivity({ online: true }),
      onlineDebounceMs: 0,
      concurrency: 64,
      fields,
      account: ACCOUNT,
      clock: {
        now: () => clock.now(),
        schedule: (delayMs, run) => clock.schedule(delayMs, () => isDead() || run()),
      },
      random: { next: () => PATH_JITTER, bytes: (length) => seeded.bytes(length) },
      logger: reporting(errors, isDead),
      runner: {
        leaseMs: LEASE_MS,
        info: { process: name },
        isGone: ({ process: other }) => typeof other === 'string' && killed.has(other),
      },
    };
  }

  async function open(
    services: (machine: HostedMachine) => HostedMachine,
    more: Partial<LadingOptions> = {},
    wrap = (opened: Host): Host => opened,
  ) {
    let host: Host | undefined;
    const opening = openWith(
      { ...optionsOf(), ...more },
      {
        machine: (machine) => services(mutant?.machine?.(machine) ?? machine),
        host(opened) {
          host = opened;
          return wrap(opened);
        },
      },
    );
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
    async openWaiting() {
      const of = { opening: true, closing: false };
      const services = hungServices(calls, { stopped, isClosing: () => of.closing });
      const opened = await open(
        (machine) => ({ ...machine, services }),
        {},
        (host) => startsNothing(host, () => of.opening),
      );
      await quiet(clock);
      of.opening = false;
      const { lading } = opened;
      const close = (): Promise<void> => {
        of.closing = true;
        for (const call of stopped) call.reject(call.run.signal.reason as Error);
        return lading.close();
      };
      return { ...opened, lading: { ...lading, close } };
    },
    call: (id, service) => calls.get(`${service} ${id}`),
    stopped: (id) => [...stopped].filter(({ run }) => run.stream === id),
    openReal: (crashPoint) =>
      open((machine) => machine, {
        ...(options.backend === undefined ? {} : { backend: options.backend }),
        ...(crashPoint === undefined ? {} : { crashPoint }),
      }),
    kill() {
      killed.add(`process-${processes - 1}`);
      calls.clear();
      stopped.clear();
    },
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

/** @param deaf where calls go that are stopped and do not heed it: the bytes may be in a proxy already. */
function hungServices(
  calls: Map<string, HungCall>,
  deaf?: { readonly stopped: Set<HungCall>; readonly isClosing: () => boolean },
): Readonly<Record<string, Service>> {
  const hung = (service: ServiceName): Service => ({
    concurrency: 100_000,
    run: (_input, run) =>
      new Promise((resolve, reject) => {
        const key = `${service} ${run.stream}`;
        const call: HungCall = {
          service,
          run,
          resolve(output) {
            isAnswered = true;
            forget();
            resolve(output);
          },
          reject(error) {
            forget();
            reject(error);
          },
        };
        let isAnswered = false;
        const forget = (): void => {
          if (calls.get(key) === call) calls.delete(key);
          deaf?.stopped.delete(call);
        };
        calls.set(key, call);
        run.signal.addEventListener('abort', () => {
          forget();
          if (deaf === undefined || deaf.isClosing()) reject(run.signal.reason as Error);
          else if (!isAnswered) deaf.stopped.add(call);
        });
      }),
  });
  return Object.fromEntries(SERVICES.map((service) => [service, hung(service)]));
}

export function asStreamId(id: string): StreamId {
  return id as StreamId;
}

/** One process's hold on the database: closing it leaves it open for the next one, and the dead write nothing. */
function ofProcess(database: SqlDatabase, isDead: () => boolean): SqlDatabase {
  const alive = <T extends readonly unknown[], R>(call: (...args: T) => R) => {
    return (...args: T): R => {
      if (isDead()) throw new Error('this process was killed');
      return call(...args);
    };
  };
  return Object.assign(Object.create(database) as SqlDatabase, {
    transaction: alive((run: () => unknown) => database.transaction(run)),
    exec: alive((sql: string) => database.exec(sql)),
    run: alive((...args: Parameters<SqlDatabase['run']>) => database.run(...args)),
    close() {},
  });
}

/** The host as the engine's own parts have it: no upload begins, and a start asks for no retry. */
function startsNothing(host: Host, isOpening: () => boolean): Host {
  const isHeld = ({ type }: { readonly type: string }): boolean =>
    type === 'upload.started' || (type === 'retry.requested' && isOpening());
  const ignored = { outcome: 'ignored' } as never;
  const send: Host['send'] = (stream, event, key) =>
    isHeld(event) ? Promise.resolve(ignored) : host.send(stream, event, key);
  const heldWork = (work: Work): Work => {
    const sendIn: Work['send'] = (stream, event, key) =>
      isHeld(event) ? ignored : work.send(stream, event, key);
    return Object.assign(Object.create(work) as Work, { send: sendIn });
  };
  const transact: Host['transact'] = (decision) =>
    host.transact((work) => decision(heldWork(work)));
  return Object.assign(Object.create(host) as Host, { send, transact });
}

/** An upload whose bytes are nowhere, or that the remote refuses: some states are just that. */
const FAILED_AS_IT_SHOULD = 'an upload failed and waits for somebody';

function reporting(errors: string[], isDead: () => boolean): Logger {
  const report = (message: string, details?: Readonly<Record<string, unknown>>): void => {
    if (message === FAILED_AS_IT_SHOULD || isDead()) return;
    const error = details?.['error'];
    errors.push(error instanceof Error ? `${message}: ${error.message}` : message);
  };
  return { debug() {}, info() {}, warn() {}, error: report };
}
