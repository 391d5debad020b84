import { directoryBlobs } from '../../adapters/blobs/directory.ts';
import type { Lading, LadingOptions } from '../../lading.ts';
import { openLading } from '../../open-lading.ts';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { type SimProcess, simProcess } from '../world/process.ts';
import { simBackend } from '../world/sim-backend.ts';
import { SimDisk } from '../world/sim-disk.ts';
import { diskPort } from '../world/sim-disk-port.ts';
import type { SimDatabase } from '../world/sim-sqlite.ts';
import type { DeviceClock } from '../world/virtual-clock.ts';
import { ACCOUNT, appFields, appSchema, PROJECTS, projectRefs } from './app.ts';
import { createLeftoverWatch } from './leftover-watch.ts';
import { linkSwitch } from './link-switch.ts';
import { lodge } from './lodger.ts';
import { remoteOf } from './remote-of.ts';
import { uploadRun } from './rows.ts';
import type { Runner } from './runner.ts';
import { createSession, tellOfSignIn } from './session.ts';
import { processView, sharedDatabase } from './shared-database.ts';
import { createStall } from './stall.ts';
import { latencyOf, wishesOf } from './wishes.ts';
import type { World } from './world.ts';

export type { Runner };

/** A phone: a disk, a clock, a link, and one or two processes on one database. */
export interface Device {
  readonly name: string;
  readonly clock: DeviceClock;
  readonly disk: SimDisk;
  /** Running processes, opened or opening. */
  readonly runners: readonly Runner[];
  /** The database while any process has it open. */
  readonly sql: SqlDatabase | undefined;
  /** Runners that take commands. */
  ready(): readonly (Runner & { readonly lading: Lading })[];
  /** Whether all its runners are open. */
  readonly isUp: boolean;
  /** Starts what does not run. */
  boot(): void;
  /** Kills all processes; what was asked of the disk without a sync stays: the system is alive. */
  kill(): void;
  killOne(runner: Runner): void;
  /** Kills all processes; the disk keeps what was synced, and of the rest what chance keeps. */
  powerCut(): void;
  /** The power goes at the `count`-th disk operation or sync from now. */
  powerCutAt(counter: 'operation' | 'sync', count: number, when?: 'before' | 'after'): void;
  /** A planned power cut does not happen any more. */
  forgetPowerCut(): void;
  /** Kills all processes for good: the simulation is over. */
  turnOff(): void;
  /** Closes all runners as an app does, then boots. */
  restart(): void;
  /** Closes all runners as an app does, and stays off until it is booted. */
  close(): void;
  /** What it believes. */
  readonly isOnline: boolean;
  readonly isMetered: boolean;
  /** When the link last changed, by {@link Device.setOnline} or {@link Device.setMetered}, in elapsed milliseconds. */
  readonly linkChangedMs: number;
  setOnline(online: boolean): void;
  /** What the device believes stays; nothing passes. */
  setReachable(reachable: boolean): void;
  setMetered(metered: boolean): void;
  /** Files without a record that its crashes can explain: one for each write that was under way. */
  readonly mostLeftovers: number;
  /** Called each time the device has opened again after it died. */
  onUp: () => void;
}

/** How long a device that lost its processes stays off. */
const OFF_MS = [200, 8_000] as const;
/** A boot that found the disk full or the power gone is tried again after this. */
const BOOT_RETRY_MS = 1_500;
/** What a commit takes at most, and the look at what was read. */
const LET_GO_MS = 2_000;

export function createDevice(world: World, name: string, engines: number): Device {
  const { clock: time, network, random, scenario, sabotage, trace } = world;
  const clock = time.device();
  const chance = random.fork(`device ${name}`);
  let disk = new SimDisk({ random: chance.fork('disk'), now: () => clock.now() });
  let database: SimDatabase | undefined;
  let shared: ReturnType<typeof sharedDatabase> | undefined;
  let runners: Runner[] = [];
  let boots = 0;
  let died = false;
  let bootWanted = false;
  let isOff = false;
  let isLodgerToCome = scenario.hasLodger === true && name === 'A';
  let lodger: SimProcess | undefined;
  const leftovers = createLeftoverWatch();

  const engineNames = Array.from({ length: engines }, (_, index) =>
    engines === 1 ? name : `${name}${index + 1}`,
  );
  const links = () => engineNames.map((engine) => network.link(engine));
  const net = linkSwitch(world, name, links);

  function openDatabase(): NonNullable<typeof shared> {
    if (shared !== undefined) return shared;
    const { synchronous = 'FULL' } = sabotage;
    database = world.sqlite.open(disk, { synchronous });
    try {
      if (boots > 0) sabotage.atBoot?.(database.sql);
      database.sql.exec(appSchema);
    } catch (error) {
      abandonDatabase();
      throw error;
    }
    const { sql } = database;
    shared = sharedDatabase(sql, () => {
      database = undefined;
      shared = undefined;
    });
    return shared;
  }

  function abandonDatabase(): void {
    database?.abandon();
    database = undefined;
    shared = undefined;
  }

  function start(engine: string): void {
    boots += 1;
    const process = simProcess(`${engine} boot ${boots}`);
    const runner: Runner = {
      name: engine,
      process,
      stall: createStall(process),
      lading: undefined,
      closing: false,
      isPaused: false,
    };
    runners.push(runner);
    const chanceHere = chance.fork(`boot ${boots}`);
    const link = process.port(runner.stall.link(network.link(engine)));
    const processClock = process.clock(runner.stall.clock(clock));
    const rawDisk = diskPort(
      disk,
      latencyOf(scenario, processClock, chanceHere.fork('disk latency')),
    );
    try {
      const view = processView(process, openDatabase());
      const sql = sabotage.sql?.(view, processClock) ?? view;
      const session = createSession(world, {
        process,
        clock: processClock,
        random: chanceHere.fork('session'),
        isOnline: () => link.connectivity.current().online,
      });
      const here = { device: name, process, link, clock: processClock, disk: () => disk };
      const remote = remoteOf(world, { ...here, token: (key) => session.token(key) });
      const watched = world.uploads.watched(session.signedIn(remote), {
        who: engine,
        isAlive: () => process.isAlive,
        runOf: (key) => (database === undefined ? undefined : uploadRun(database.sql, key)),
        heldBack: (key) => heldBack(runner, key),
      });
      const backend = simBackend(link, world.backend, ACCOUNT);
      const project = sabotage.project?.(projectRefs) ?? projectRefs;
      const blobs = directoryBlobs({
        disk: process.port(sabotage.disk?.(rawDisk) ?? rawDisk),
        random: chanceHere.fork('blobs'),
      });
      const options: LadingOptions = {
        store: sql,
        blobs: leftovers.watched(blobs, process),
        remote: watched,
        backend: sabotage.backend?.(backend, sql) ?? backend,
        connectivity: link.connectivity,
        fields: appFields(scenario.policy, project, scenario.unmetered),
        account: ACCOUNT,
        projects: PROJECTS,
        concurrency: scenario.concurrency,
        ...wishesOf(world, process, disk),
        ...session.options,
        onlineDebounceMs: 100,
        runner: {
          leaseMs: scenario.leaseMs,
          info: { process: process.name },
          isGone: (info) =>
            scenario.knowsTheDead &&
            !runners.some((one) => one.process.name === info['process'] && one.process.isAlive),
        },
        // Logs are compacted as soon as they are at rest, so that lives go on from what is left of them.
        garbage: { log: { checkpointAfterMs: 0, tombstoneAfterMs: 0 } },
        clock: processClock,
        random: chanceHere.fork('engine'),
        logger: world.logger(engine),
      };
      const opening = openLading(sabotage.options?.(options) ?? options);
      process
        .guard(opening)
        .then((lading) => opened(runner, lading))
        .catch((error: unknown) => bootFailed(runner, error));
    } catch (error) {
      bootFailed(runner, error);
    }
  }

  /** Before the app is first opened, another account has used the device. A crash in between ends that for good. */
  function moveIn(): void {
    isLodgerToCome = false;
    const process = simProcess(`${name} before`);
    const chanceHere = chance.fork('lodger');
    const processClock = process.clock(clock);
    const port = process.port(
      diskPort(disk, latencyOf(scenario, processClock, chanceHere.fork('disk'))),
    );
    const blobs = directoryBlobs({ disk: port, random: chanceHere.fork('blobs') });
    lodger = process;
    const store = processView(process, openDatabase());
    const parts = { store, blobs: leftovers.watched(blobs, process), clock: processClock };
    lodge(world, process, parts, chanceHere, () => {
      lodger = undefined;
      device.boot();
    });
  }

  /** It has a while to let go of what it was sending when the link became metered. */
  function heldBack(runner: Runner, key: string): string | undefined {
    const file = world.ledger.find(key.slice(key.indexOf('/') + 1));
    if (file?.unmetered !== true || file.sendNow || runner.stall.isStill) return undefined;
    const since = net.meteredSinceMs();
    const isMetered = since !== undefined && time.elapsedMs - since > LET_GO_MS;
    return isMetered ? `${runner.name} sends ${file.name} over a metered link` : undefined;
  }

  function opened(runner: Runner, lading: Lading): void {
    runner.lading = lading;
    trace.note(runner.name, 'is open');
    if (!died || !isUp()) return;
    died = false;
    device.onUp();
  }

  function bootFailed(runner: Runner, error: unknown): void {
    // The power went while it opened: it is on its way already.
    if (!runner.process.isAlive) return;
    trace.note(runner.name, `could not open: ${String(error)}`);
    const isForeseen =
      error instanceof LadingError &&
      ['disk_full', 'commit_failed', 'database_busy', 'database_io_failed'].includes(error.code);
    if (!isForeseen && !disk.isDark) {
      world.fail('a device opens again', `${runner.name}: ${String(error)}`);
    }
    killProcess(runner);
    if (runners.length === 0) abandonDatabase();
    bootIn(BOOT_RETRY_MS);
  }

  function killProcess(runner: Runner): void {
    runner.process.kill();
    network.link(runner.name).crash();
    runners = runners.filter((one) => one !== runner);
  }

  function killAll(): void {
    lodger?.kill();
    lodger = undefined;
    for (const runner of runners) killProcess(runner);
    abandonDatabase();
    died = true;
  }

  /** @param then called for each runner that is gone. */
  function closeAll(then: () => void): void {
    for (const runner of device.ready()) {
      runner.closing = true;
      const signsOut = scenario.refreshes === true && chance.fork(`out ${boots}`).chance(0.5);
      trace.note(runner.name, signsOut ? 'signs out' : 'closes');
      const closed = (): void => {
        trace.note(runner.name, 'is closed');
        killProcess(runner);
        then();
      };
      const { lading } = runner;
      const ended: Promise<unknown> = signsOut ? lading.signOut() : lading.close();
      runner.process.guard(ended).then(closed, (error: unknown) => {
        trace.note(runner.name, `could not close: ${String(error)}`);
        closed();
        if (runners.length === 0) abandonDatabase();
      });
    }
  }

  function bootIn(delayMs: number): void {
    if (bootWanted) return;
    bootWanted = true;
    time.schedule(delayMs, () => {
      bootWanted = false;
      if (!isOff) device.boot();
    });
  }

  function afterPowerCut(next: SimDisk, how: string): void {
    trace.note(name, `POWER CUT ${how}`);
    world.counts.powerCuts += 1;
    killAll();
    disk = next;
    bootIn(chance.int(...OFF_MS));
  }

  const isUp = (): boolean =>
    runners.length === engines && runners.every(({ lading }) => lading !== undefined);

  world.onSignIn.push(() => tellOfSignIn(world, device));

  const device: Device = {
    name,
    clock,
    get disk() {
      return disk;
    },
    get runners() {
      return runners;
    },
    get sql() {
      return database?.sql;
    },
    ready: () =>
      runners.filter(
        (runner): runner is Runner & { readonly lading: Lading } =>
          runner.lading !== undefined && !runner.closing && !runner.stall.isStill,
      ),
    get isUp() {
      return isUp();
    },
    get mostLeftovers() {
      return leftovers.most;
    },
    boot() {
      isOff = false;
      if (isLodgerToCome) moveIn();
      if (lodger !== undefined) return;
      for (const engine of engineNames) {
        if (!runners.some((runner) => runner.name === engine)) start(engine);
      }
    },
    kill() {
      trace.note(name, 'KILLED');
      world.counts.crashes += 1;
      killAll();
      bootIn(chance.int(...OFF_MS));
    },
    killOne(runner) {
      trace.note(runner.name, 'KILLED');
      world.counts.crashes += 1;
      killProcess(runner);
      if (runners.length === 0) {
        abandonDatabase();
        died = true;
      }
      bootIn(chance.int(...OFF_MS));
    },
    powerCut() {
      afterPowerCut(disk.powerCut(), 'now');
    },
    forgetPowerCut() {
      disk.cutAtSync(Number.POSITIVE_INFINITY, () => {});
    },
    turnOff() {
      killAll();
      bootWanted = true;
    },
    powerCutAt(counter, count, when) {
      const onCut = (next: SimDisk): void => afterPowerCut(next, `at a ${counter}`);
      if (counter === 'sync') disk.cutAtSync(count, onCut, when);
      else disk.cutAtOp(count, onCut, when);
    },
    restart() {
      world.counts.restarts += 1;
      closeAll(() => bootIn(chance.int(...OFF_MS)));
    },
    close() {
      isOff = true;
      closeAll(() => {});
    },
    get isOnline() {
      return net.isOnline();
    },
    get isMetered() {
      return net.meteredSinceMs() !== undefined;
    },
    get linkChangedMs() {
      return net.changedMs();
    },
    setOnline: net.setOnline,
    setReachable: net.setReachable,
    setMetered: net.setMetered,
    onUp: () => {},
  };
  return device;
}
