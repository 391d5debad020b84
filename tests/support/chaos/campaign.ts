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
import { seededRandom } from '../../../testing/world/seeded-random.ts';
import { serveBackend } from '../engine-chaos/backend-bridge.ts';
import type { Bug } from '../engine-chaos/bugs.ts';
import type { RgwAccess } from '../rgw/cluster.ts';
import { type AppProcess, startApp } from './app-process.ts';
import type { Line } from './child-options.ts';
import { endHelpers, killHelper } from './helpers.ts';
import { type Judged, judgeChaos } from './judge.ts';
import { chaosPlan } from './plan.ts';
import type { StoreName } from './stores/store.ts';
import { protocols } from './stores/stores.ts';

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
  const neededBytes = plan.reduce((sum, { file }) => sum + file.sizeBytes, 0);
  const [objects, app] = [join(directory, 'objects'), join(directory, 'app')];
  await Promise.all([mkdir(objects), mkdir(app)]);
  const store = await protocols[storeName].start(objects, options);
  const backend = createReferenceBackend({ clock: systemClock() });
  const bridge = await serveBackend(backend);
  const carried = options.carried === true ? join(directory, 'carried') : undefined;
  const violence = createViolence(options, neededBytes, carried);
  const faults = { seed, chance, stallMs: STALL_FOR_MS, weights: anyFault };
  const proxy = await startFaultProxy({
    upstream: store.upstream,
    keyOf: (request) => store.keyOf(request),
    faults: randomFaults({
      ...faults,
      answers: [...passingAnswers, ...passingAnswers, ...forPeople],
    }),
    onAnswer: () => violence.look(proxy.traffic().passedBytes),
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
          if (line.type === 'trouble') settled.resolve();
          if (apps.every(({ isIdle }) => isIdle)) settled.resolve();
        }),
      );
    }
    violence.on(apps);
    const stopTelling = tellNowAndThen(options, proxy, violence, neededBytes);
    await settled.promise;
    stopTelling();
    violence.off();
    const isSound = apps.every(({ isIdle }) => isIdle);
    await Promise.all(apps.map((one) => (isSound ? one.finish() : one.end())));
    const lines = apps.map((one) => one.lines);
    await violence.over();
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
      seed,
      store: storeName,
      kills: violence.kills,
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
    await violence.over();
    if (carried !== undefined) await endHelpers(carried);
    await proxy.close();
    await backendProxy.close();
    await bridge.close();
    await store.stop();
  }
}

interface Violence {
  readonly kills: number;
  readonly helperKills: number;
  readonly stops: number;
  on(apps: readonly AppProcess[]): void;
  /** An exchange was answered, and the client does not know yet: the worst moment. */
  look(passedBytes: number): void;
  off(): void;
  /** Resolves when nothing of it is under way. */
  over(): Promise<void>;
}

/** Kills and stops processes when so many bytes have reached the server, at shares that the seed chooses. */
function createViolence(
  options: ChaosOptions,
  neededBytes: number,
  carried: string | undefined,
): Violence {
  const random = seededRandom(`violence ${options.seed}`);
  const moments = [
    ...Array.from({ length: options.kills }, () => 'kill' as const),
    ...Array.from({ length: options.stops }, () => 'stop' as const),
  ]
    .map((act) => ({ act, atBytes: (0.02 + 0.75 * random.next()) * neededBytes }))
    .toSorted((one, other) => one.atBytes - other.atBytes);
  const counted = { kill: 0, stop: 0, helper: 0 };
  const underWay: Promise<void>[] = [];
  const standing = new Map<AppProcess, NodeJS.Timeout>();
  let apps: readonly AppProcess[] = [];

  async function killOne(directory: string): Promise<void> {
    if (await killHelper(directory, random)) counted.helper += 1;
  }

  function stop(app: AppProcess): void {
    app.stop();
    const wake = setTimeout(() => {
      app.goOn();
      standing.delete(app);
    }, 2 * LEASE_MS);
    standing.set(app, wake);
  }

  return {
    get kills() {
      return counted.kill;
    },
    get helperKills() {
      return counted.helper;
    },
    get stops() {
      return counted.stop;
    },
    on(these) {
      apps = these;
    },
    look(passedBytes) {
      const [next] = moments;
      const able = apps.filter((app) => app.isOpen && !standing.has(app));
      if (next === undefined || passedBytes < next.atBytes || able.length === 0) return;
      moments.shift();
      counted[next.act] += 1;
      const app = random.pick(able);
      if (next.act === 'stop') return stop(app);
      app.kill();
      if (carried === undefined || random.chance(0.5)) return;
      underWay.push(killOne(carried));
    },
    off() {
      for (const [app, wake] of standing) {
        clearTimeout(wake);
        app.goOn();
      }
    },
    async over() {
      await Promise.all(underWay);
    },
  };
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
