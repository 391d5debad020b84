import { assemble, type Opened } from './assemble.ts';
import { createFreshKeys } from './engine/garbage/fresh-keys.ts';
import { createGuardrails } from './engine/guardrails/guardrails.ts';
import { translated } from './engine/guardrails/sentences.ts';
import type { HostedMachine } from './engine/host/definition.ts';
import { type Host, openHostWith } from './engine/host/host.ts';
import { createConsequences } from './engine/lifecycle/consequences.ts';
import type { Credentials } from './engine/lifecycle/credentials.ts';
import { createFieldRegistry } from './engine/lifecycle/fields.ts';
import { createGateKeeper } from './engine/lifecycle/gates.ts';
import { hostedAttachment } from './engine/lifecycle/hosted.ts';
import { createProgressBoard, type ProgressBoard } from './engine/lifecycle/progress.ts';
import { servicesOnDemand } from './engine/lifecycle/services-on-demand.ts';
import { requireKeyId } from './engine/lifecycle/validate.ts';
import type { Traffic } from './engine/scheduling/traffic.ts';
import type { Lading, LadingOptions } from './lading.ts';
import type { MediaId } from './machines/attachment/types.ts';
import { onDemand } from './on-demand.ts';
import { accountEpoch } from './persistence/account-epoch.ts';
import { refuseNewer, SCHEMA_VERSION } from './persistence/migrations/schema-version.ts';
import { storeOn } from './persistence/store-on.ts';
import { type BlobKey, blobKey, derivedKey } from './ports/blob-store.ts';
import { systemClock } from './ports/clock.ts';
import type { Connectivity } from './ports/connectivity.ts';
import { LadingError } from './ports/errors.ts';
import { silentLogger } from './ports/logger.ts';
import { heldBack, made } from './ports/part.ts';
import { systemRandom } from './ports/random.ts';
import type { Secrets } from './ports/secrets.ts';
import { uuid7 } from './ports/uuid7.ts';

/**
 * Opens the engine on a database. What an earlier process left is taken up at once: that is the normal start.
 * When it rejects, the database stays open and is the caller's to close.
 * @throws {LadingError} `database_newer`, `database_corrupt`, `database_read_only`, `database_busy`, `invalid_id`, `invalid_option`;
 *   `part_not_loaded` for a new database or account, or with a backend, whose part cannot be loaded.
 */
export function openLading(options: LadingOptions): Promise<Lading> {
  return openWith(options, {});
}

/** Where a test puts parts of its own, or spoilt ones, into an engine that is otherwise the real one. */
export interface Seams {
  machine?(real: HostedMachine): HostedMachine;
  host?(real: Host): Host;
}

/** As {@link openLading}; for this project's own tests. */
export async function openWith(options: LadingOptions, seams: Seams): Promise<Lading> {
  const clock = options.clock ?? systemClock();
  const random = options.random ?? systemRandom;
  const logger =
    options.logger === undefined
      ? silentLogger
      : (await onDemand.logging()).redactingLogger(options.logger);
  const account = requireKeyId('accountId', options.account);
  const say = translated(options.sentences);
  const fields = createFieldRegistry(options.fields, say);
  if (options.garbage !== undefined) {
    (await onDemand.garbage()).garbageSettings(options.garbage);
  }
  const total = requireCount('concurrency', options.concurrency ?? 3);
  const load = { total, limit: total, used: 0 };
  if (refuseNewer(options.store) < SCHEMA_VERSION) {
    (await onDemand.migrations()).migrate(options.store, clock.now());
  }
  const store = storeOn(options.store, clock, random);
  const epoch = accountEpoch(store.database, account);
  let isRecovered = false;
  if (store.isUnfinished || epoch() === undefined) {
    const { openAccount } = await onDemand.forget();
    isRecovered = await openAccount({ ...options, ...store, clock }, account);
  }
  const begun = epoch() ?? null;
  if (options.cache !== undefined) (await onDemand.files()).requireCacheOptions(options.cache);
  const guardrails = createGuardrails({
    ...options,
    ...store,
    accountId: account,
    clock,
    logger,
    say,
    reservations: onDemand.reservations,
    isOnline: () => gates.remoteOpen(),
    freeRoom: async (...asked) => (await files()).cache.freeRoom(...asked),
  });
  const files = made(onDemand.files, ({ createFiles }) =>
    createFiles({
      ...options,
      ...store,
      accountId: account,
      clock,
      logger,
      host: () => host as Host,
      shortBytes: () => guardrails.shortBytes(),
    }),
  );
  const gates = createGateKeeper({
    connectivity: options.connectivity ?? ALWAYS_ONLINE,
    clock,
    debounceMs: options.onlineDebounceMs ?? 500,
    logger,
  });
  const fresh = createFreshKeys(clock);
  const engine = {
    clock,
    random,
    logger,
    fields,
    say,
    fresh,
    load,
    traffic: made(onDemand.uploading, ({ createTraffic }) =>
      createTraffic({ load, gates, clock, random, remote: options.remote }),
    ),
    credentials: made(onDemand.uploading, ({ createCredentials }): Credentials => {
      const parts = { ...options, ...store, clock, random, logger, gates };
      return createCredentials({ ...parts, accountId: account, host: host as Host });
    }),
    store,
    gates,
    guardrails,
    files,
  };
  const base = { ...options, account, ...engine };
  let host: Host | undefined;
  try {
    const progress = createProgressBoard(clock);
    const newId = (): MediaId => uuid7(clock.now(), random) as MediaId;
    const placeOf = (make: typeof blobKey) => (accountId: string) => {
      const key = make(accountId, newId());
      fresh.add(key);
      return key;
    };
    const newBlobKey = placeOf(blobKey);
    let missing: (() => void) | undefined;
    const onMissing = (listener: () => void): void => {
      missing = listener;
    };
    const real = hostedMachine({
      ...base,
      isAccountOpen: () => epoch() === begun,
      progress,
      newBlobKey,
    });
    const machine = seams.machine?.(real) ?? real;
    const hostOptions = {
      store: store.events,
      clock,
      random,
      logger,
      machines: [machine],
      // Each kill in the middle counts as a run; a long upload on a flaky phone has many.
      maxRuns: 50,
      ...(options.runner === undefined ? {} : { lease: options.runner }),
      ...(options.crashPoint === undefined ? {} : { crashPoint: options.crashPoint }),
    };
    // What was lost is taken over, and the app's roots are looked at, before a timer of an earlier life ends what they hold.
    const running =
      isRecovered || options.garbage?.roots ? heldBack(onDemand.uploading) : undefined;
    const opened = await openHostWith(hostOptions, {
      part: running ?? onDemand.uploading,
      onMissing: () => missing?.(),
    });
    host = seams.host?.(opened) ?? opened;
    const startRunning = (): void => {
      running?.release();
      host?.wake();
    };
    return await assemble({
      ...base,
      host,
      machine,
      progress,
      onMissing,
      isRecovered,
      startRunning,
      newId,
      newBlobKey,
      newDerivedKey: placeOf(derivedKey),
    });
  } catch (error) {
    gates.close();
    await host?.close();
    throw error;
  }
}

type Base = Omit<
  Opened,
  | 'host'
  | 'machine'
  | 'progress'
  | 'onMissing'
  | 'isRecovered'
  | 'startRunning'
  | 'newId'
  | 'newBlobKey'
  | 'newDerivedKey'
>;

function hostedMachine(
  parts: Base & {
    isAccountOpen(): boolean;
    readonly progress: ProgressBoard;
    newBlobKey(accountId: string): BlobKey;
  },
): HostedMachine {
  const { store, account } = parts;
  const services = made(onDemand.uploading, ({ attachmentServices, createVault }) =>
    attachmentServices({
      ...parts,
      ...store,
      accountId: account,
      traffic: parts.traffic.here as Traffic,
      vault: createVault(parts.logger, () => secretsOf(parts)),
    }),
  );
  return hostedAttachment({
    services: servicesOnDemand({ ...parts, accountId: account, services }),
    tables: store.tables,
    consequences: createConsequences({ ...parts, ...store }),
  });
}

/** Loaded when the first handle is a secret. */
async function secretsOf({ secrets, store, random }: Base): Promise<Secrets> {
  if (secrets !== undefined) return secrets;
  const { secretsBeside } = await onDemand.secretsBeside();
  return secretsBeside(random, (offered) =>
    store.events.transact((tx) => store.keepSealKey(tx, offered)),
  );
}

const ALWAYS_ONLINE: Connectivity = {
  current: () => ({ online: true, metered: false }),
  subscribe: () => () => {},
};

function requireCount(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new LadingError('invalid_option', `${name} must be a whole number of 1 or more.`, {
    details: { name, value },
  });
}
