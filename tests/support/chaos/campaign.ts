import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../ports/clock.ts';
import { createReferenceBackend } from '../../../sync/reference-backend.ts';
import {
  anyFault,
  describeFaults,
  type FaultProxy,
  passingAnswers,
  randomFaults,
  startFaultProxy,
} from '../../../testing/proxy/index.ts';
import { serveBackend } from '../engine-chaos/backend-bridge.ts';
import type { Bug } from '../engine-chaos/bugs.ts';
import type { RgwAccess } from '../rgw/cluster.ts';
import { type AppProcess, startApp } from './app-process.ts';
import type { Line } from './child-options.ts';
import { endHelpers, killHelper } from './helpers.ts';
import { type Judged, judgeChaos } from './judge.ts';
import { type ChaosFile, chaosPlan, restOf } from './plan.ts';
import type { StoreName } from './stores/store.ts';
import { protocols } from './stores/stores.ts';
import { createViolence, type Violence } from './violence.ts';

export interface ChaosOptions {
  readonly store: StoreName;
  readonly seed: number;
  readonly files: number;
  readonly kills: number;
  /** Times that a process stands still for longer than its lease. */
  readonly stops: number;
  readonly processes: number;
  /** How likely a request meets a fault. Default 0.3. */
  readonly chance?: number;
  /** Helper processes send the files; with an app, one of them may be killed too. */
  readonly carried?: boolean;
  readonly keep?: boolean;
  readonly bug?: Bug;
  /** One that runs already; S3 starts one of its own without it. */
  readonly radosgw?: RgwAccess;
  /** Told now and then how far it is. */
  onProgress?(text: string): void;
}

export interface ChaosReport extends Judged {
  readonly seed: number;
  readonly store: StoreName;
  readonly kills: number;
  /** Starts of processes that came as far as being open: each kill ends one. */
  readonly lives: number;
  /** Helper processes that were killed on top. */
  readonly helperKills: number;
  readonly stops: number;
  /** What the network did, in words. */
  readonly network: string;
  readonly backendNetwork: string;
  /** Uploads begun by each process, those that were repeated included. */
  readonly runs: readonly number[];
  /** How often the user pressed retry, by the code of what had failed. */
  readonly pressed: Readonly<Record<string, number>>;
  readonly neededBytes: number;
  readonly sentBytes: number;
  readonly tookMs: number;
}

const LEASE_MS = 1_500;
const STALL_FOR_MS = 3_000;

/** What a server says, or something before it, that by contract waits for a person: the campaign's user presses retry. */
const forPeople = [
  { weight: 1, status: 401 },
  { weight: 1, status: 403 },
  { weight: 1, status: 404 },
  { weight: 1, status: 413, early: true },
];

/**
 * Several processes of an app on one database, a network in which everything goes wrong, kills, and a judge who stands
 * outside: every file is at the remote once and whole, every ref at the backend, nothing is left.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const directory = await mkdtemp(join(tmpdir(), 'lading-chaos-'));
  let problems: readonly string[] = ['it broke'];
  try {
    const report = await runIn(directory, options);
    ({ problems } = report);
    return report;
  } finally {
    if (options.keep === true && problems.length > 0) console.log(`kept: ${directory}`);
    else await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runIn(directory: string, options: ChaosOptions): Promise<ChaosReport> {
  const { store: storeName, seed, files, processes, chance = 0.3, bug = null } = options;
  const beganAt = performance.now();
  const plan = chaosPlan(seed, files);
  const neededBytes = bytesIn(plan);
  const [objects, app] = [join(directory, 'objects'), join(directory, 'app')];
  await Promise.all([mkdir(objects), mkdir(app)]);
  const store = await protocols[storeName].start(objects, options);
  const backend = createReferenceBackend({ clock: systemClock() });
  const bridge = await serveBackend(backend);
  const carried = options.carried === true ? join(directory, 'carried') : undefined;
  const violence = createViolence({
    ...options,
    ofBytes: neededBytes - bytesIn(restOf(plan, processes)),
    passedBytes: () => proxy.traffic().passedBytes,
    stopForMs: 2 * LEASE_MS,
    clock: systemClock(),
    ...(carried === undefined ? {} : { killHelper: (random) => killHelper(carried, random) }),
  });
  const faults = { seed, chance, stallMs: STALL_FOR_MS, weights: anyFault };
  const proxy = await startFaultProxy({
    upstream: store.upstream,
    keyOf: (request) => store.keyOf(request),
    faults: randomFaults({
      ...faults,
      answers: [...passingAnswers, ...passingAnswers, ...forPeople],
    }),
    onAnswer: () => violence.answered(),
  });
  const backendProxy = await startFaultProxy({
    upstream: new URL(bridge.url).origin,
    // Deltas and signals are asked for all the time: a calmer network, or little else happens.
    faults: randomFaults({ ...faults, seed: `${seed} backend`, chance: chance / 3 }),
  });
  const apps: AppProcess[] = [];
  const settled = Promise.withResolvers<void>();
  try {
    for (let index = 0; index < processes; index++) {
      const child = { seed, files, index, processes, directory: app, store: storeName };
      const reach = {
        origin: proxy.origin,
        backendUrl: `${backendProxy.origin}/`,
        leaseMs: LEASE_MS,
        bug,
        ...(carried === undefined ? {} : { carried }),
        ...(store.access === undefined ? {} : { access: store.access }),
      };
      apps.push(
        startApp({ ...child, ...reach }, join(directory, 'compiled'), (line) => {
          if (line.type === 'open') violence.opened();
          if (line.type === 'trouble') settled.resolve();
          if (apps.every(({ isIdle }) => isIdle)) settled.resolve();
        }),
      );
    }
    violence.on(apps);
    const stopTelling = tellNowAndThen(options, proxy, violence, neededBytes);
    await settled.promise;
    stopTelling();
    const missed = violence.left;
    violence.off();
    const isSound = apps.every(({ isIdle }) => isIdle);
    await Promise.all(apps.map((one) => (isSound ? one.finish() : one.end())));
    const lines = apps.map((one) => one.lines);
    const judged = await judgeChaos({
      app,
      plan,
      lines: lines.flat(),
      store,
      backend,
      proxy,
      carried,
    });
    return {
      ...judged,
      problems: [
        ...judged.problems,
        ...(missed > 0 ? [`${missed} kills or stops never came`] : []),
      ],
      seed,
      store: storeName,
      kills: violence.kills,
      lives: lines.flat().filter(({ type }) => type === 'open').length,
      helperKills: violence.helperKills,
      stops: violence.stops,
      network: describeFaults(proxy.counts()),
      backendNetwork: describeFaults(backendProxy.counts()),
      runs: lines.map((told) => told.filter(({ type }) => type === 'run').length),
      pressed: pressedIn(lines.flat()),
      neededBytes,
      sentBytes: proxy.traffic().takenBytes,
      tookMs: Math.round(performance.now() - beganAt),
    };
  } finally {
    await Promise.all(apps.map((one) => one.end()));
    if (carried !== undefined) await endHelpers(carried);
    await proxy.close();
    await backendProxy.close();
    await bridge.close();
    await store.stop();
  }
}

function bytesIn(plan: readonly ChaosFile[]): number {
  return plan.reduce((sum, { file }) => sum + file.sizeBytes, 0);
}

const TELL_MS = 5_000;

function tellNowAndThen(
  options: ChaosOptions,
  proxy: FaultProxy,
  violence: Violence,
  neededBytes: number,
): () => void {
  const timer = setInterval(() => {
    const { passedBytes, exchanges } = proxy.traffic();
    const share = Math.round((passedBytes / neededBytes) * 100);
    options.onProgress?.(
      `${exchanges} requests, ${share} % of the bytes, ${violence.kills} kills: ${describeFaults(proxy.counts())}`,
    );
  }, TELL_MS);
  return () => clearInterval(timer);
}

function pressedIn(lines: readonly Line[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    if (line.type === 'pressed') counts[line.code] = (counts[line.code] ?? 0) + 1;
  }
  return counts;
}
