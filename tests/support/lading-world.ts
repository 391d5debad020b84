import { DatabaseSync } from 'node:sqlite';
import {
  type CaptureOptions,
  type CaptureSource,
  type Fields,
  type Lading,
  LadingError,
  type LadingOptions,
  type LiveView,
  type Owner,
  openLading,
  preload,
} from 'lading';
import { type ManualConnectivity, manualConnectivity } from 'lading/connectivity';
import { nodeSqlite, type SqlDatabase } from 'lading/sqlite/node';
import {
  type MemoryBlobs,
  type MemoryRemote,
  memoryBlobs,
  memoryRemote,
  type RemoteScript,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'lading/testing';
import type { DriverOptions } from '../../persistence/drivers/driver.ts';
import { bytesSource } from '../../ports/source.ts';
import { sampleJpeg, samplePdf } from '../../testing/sample-files/index.ts';

export const ME = 'account-1';

/** Fields of a small app: a list with one primary image, one of at most two, a single one. */
export const FIELDS = {
  'item.images': { kinds: ['image', 'pdf'] },
  'item.pair': { kinds: ['image'], maxCount: 2 },
  'profile.logo': { kinds: ['image'], single: true },
} as const satisfies Fields;

export function owner(field = 'item.images', entityId = 'item-1', accountId = ME): Owner {
  const [entityType = '', name = ''] = field.split('.');
  return { scope: { accountId, projectId: null }, entityType, entityId, field: name };
}

export interface World {
  readonly clock: VirtualClock;
  readonly blobs: MemoryBlobs;
  readonly remote: MemoryRemote;
  readonly net: ManualConnectivity;
  /** On another driver than `node:sqlite` it has `exec` and `prepare` only. */
  readonly handle: DatabaseSync;
  readonly logged: { readonly level: string; readonly message: string }[];
  /** Every open that was not closed. */
  readonly ladings: Lading[];
  open(options?: Partial<LadingOptions>): Promise<Lading>;
  /** Runs a promise to its end; time moves only as far as that needs. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Lets everything run that is due within `ms`. */
  pass(ms?: number): Promise<void>;
  rows(sql: string): readonly Record<string, unknown>[];
  /** Abandons what is open, as a kill does, and makes it harmless; the rows stay. */
  kill(): void;
}

export interface WorldOptions {
  readonly script?: RemoteScript;
  readonly fields?: Fields;
  readonly online?: boolean;
  readonly driver?: DriverOptions;
  readonly resumableAboveBytes?: number;
  readonly seed?: string;
  /** Loads all parts before it opens, so that none comes in real time. Default true. */
  readonly preloads?: boolean;
  readonly capacityBytes?: number;
}

/** Opens the database of a new world in memory, when it shall not be `node:sqlite`. */
export type MemoryDriver = (options?: DriverOptions) => SqlDatabase;

let memoryDriver: MemoryDriver | undefined;

/** All worlds from now on are on this driver; undefined: `node:sqlite` again. */
export function useMemoryDriver(driver: MemoryDriver | undefined): void {
  memoryDriver = driver;
}

/** One device with everything in memory, on virtual time. The database outlives each Lading that is opened on it. */
export function world(options: WorldOptions = {}): World {
  const clock = virtualClock();
  const random = seededRandom(options.seed ?? 'lifecycle');
  const blobs = memoryBlobs({
    clock,
    ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
  });
  const remote = memoryRemote({
    ...(options.script === undefined ? {} : { script: options.script }),
    ...(options.resumableAboveBytes === undefined
      ? {}
      : { resumableAboveBytes: options.resumableAboveBytes }),
  });
  const net = manualConnectivity({ online: options.online ?? true });
  const other = memoryDriver?.(options.driver);
  const handle = other === undefined ? newHandle() : handleOf(other);
  const logged: World['logged'] = [];
  const log =
    (level: string) =>
    (message: string): void =>
      void logged.push({ level, message });
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const ladings: Lading[] = [];
  const kills: (() => void)[] = [];

  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watch = (): void => {
      settled = true;
    };
    promise.then(watch, watch);
    await clock.runUntil(() => settled);
    if (!settled) throw new Error('nothing is scheduled, and it is not settled');
    return promise;
  }

  return {
    clock,
    blobs,
    remote,
    net,
    handle,
    logged,
    ladings,
    until,
    async open(more = {}) {
      let dead = false;
      if (options.preloads !== false) await preload();
      const database = other ?? nodeSqlite(handle, options.driver);
      const lading = await until(
        openLading({
          // The handle stays: closing Lading must not lose a database in memory.
          store: {
            ...database,
            get inTransaction() {
              return database.inTransaction;
            },
            transaction(run) {
              if (dead) throw new LadingError('closed', 'killed');
              return database.transaction(run);
            },
            close() {},
          },
          blobs,
          remote,
          connectivity: net,
          fields: options.fields ?? FIELDS,
          account: ME,
          onlineDebounceMs: 0,
          clock: {
            now: () => clock.now(),
            schedule: (ms, run) => clock.schedule(ms, () => (dead ? undefined : run())),
          },
          random,
          logger,
          runner: { leaseMs: 15_000 },
          ...more,
        }),
      );
      ladings.push(lading);
      kills.push(() => {
        dead = true;
      });
      return lading;
    },
    async pass(ms = 0) {
      await clock.advanceBy(ms);
      await clock.advanceBy(0);
    },
    rows: (sql) => handle.prepare(sql).all(),
    kill() {
      for (const kill of kills) kill();
    },
  };
}

/** A sound JPEG whose pixels are `text`; of at least `size` bytes. */
function newHandle(): DatabaseSync {
  return new DatabaseSync(':memory:', { timeout: 0 });
}

/** Another driver's database behind the calls that tests make on their own account. */
function handleOf(database: SqlDatabase): DatabaseSync {
  const handle: unknown = {
    exec: (sql: string) => database.exec(sql),
    get isTransaction() {
      return database.inTransaction;
    },
    prepare: (sql: string) => ({
      all: (...params: never[]) => database.all(sql, ...params),
      get: (...params: never[]) => database.get(sql, ...params),
      run: (...params: never[]) => ({ changes: database.run(sql, ...params) }),
    }),
  };
  return handle as DatabaseSync;
}

export function picture(text = 'a picture', size = 0): CaptureSource {
  const bytes = pictureBytes(text, size);
  return bytesSource(bytes, { filename: 'picture.jpg', contentType: 'image/jpeg' });
}

/** A sound PDF. */
export function pdf(): CaptureSource {
  return bytesSource(samplePdf(), { filename: 'document.pdf', contentType: 'application/pdf' });
}

export function pictureBytes(text = 'a picture', size = 0): Uint8Array {
  return sampleJpeg({ body: text, sizeBytes: size });
}

export function image(field?: string, more: Partial<CaptureOptions> = {}): CaptureOptions {
  return { owner: owner(field), kind: 'image', ...more };
}

/** Captures small pictures with different bytes for one owner; their ids in order. */
export async function captureMany(
  phone: World,
  lading: Lading,
  count: number,
  of: Owner = owner(),
): Promise<readonly string[]> {
  const files = Array.from({ length: count }, (_, index) => ({
    source: picture(`picture ${index}`),
    kind: 'image' as const,
  }));
  const photos = await phone.until(lading.captureAll(files, { owner: of }));
  return photos.map(({ id }) => id);
}

/** What a view says, without its times. */
export function shows({ state, waitingFor }: LiveView): string {
  return waitingFor === undefined ? state : `${state}, waiting for ${waitingFor}`;
}

/** The code a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    if (error instanceof LadingError) return error.code;
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** A promise that the test settles. */
export function gate(): { readonly promise: Promise<void>; open(): void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open: () => open() };
}
