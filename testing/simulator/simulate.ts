import { preload } from '../../on-demand.ts';
import { loadSimDriver, type SimDriver } from '../world/sim-driver.ts';
import { createDevice, type Device } from './device.ts';
import { bringToRest, cleanUpServers } from './ending.ts';
import { inTime, judge, judgeAll, judgeAlways } from './judge.ts';
import { oracles } from './oracles/index.ts';
import type { Sabotage } from './sabotage.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { prefer, steps } from './steps.ts';
import { troubles } from './troubles.ts';
import { createVerbs, type Verbs } from './verbs.ts';
import { weighted } from './weighted.ts';
import { type Counts, createWorld, type Failure, type World } from './world.ts';

/** What became of one seed. */
export interface Simulation extends Readonly<Counts> {
  readonly seed: number;
  /** Empty when every oracle is content. */
  readonly failures: readonly Failure[];
  readonly requests: number;
  readonly events: number;
  /** Of the whole trace: the same seed gives the same hash. */
  readonly hash: string;
  /** What happened, one line each. */
  trace(): readonly string[];
}

/** Lives one seed through: what people do, what goes wrong, how all of it ends, and what the oracles say. */
export async function simulate(
  seed: number,
  sabotage: Sabotage = {},
  parts: SimulatedParts = {},
): Promise<Simulation> {
  const scenario = scenarioOf(seed);
  return simulateScenario(sabotage.scenario?.(scenario) ?? scenario, sabotage, live, parts);
}

/** What the devices of a simulation are made of. */
export interface SimulatedParts {
  /** Default `sqlite-wasm`. */
  readonly driver?: SimDriver;
}

/** What happens to the devices of a simulation before everything is mended. */
export type Plot = (world: World, devices: readonly Device[], verbs: Verbs) => Promise<void>;

/**
 * @param plot ends when it has done all it wanted; what goes on then is mended, ended and judged.
 * @param beforeBoot what is planned before the devices are started for the first time.
 */
export async function simulateScenario(
  scenario: Scenario,
  sabotage: Sabotage,
  plot: Plot,
  parts: SimulatedParts = {},
  beforeBoot: (devices: readonly Device[]) => void = () => {},
): Promise<Simulation> {
  await preload();
  const sqlite = await loadSimDriver(parts.driver ?? 'sqlite-wasm');
  const world = createWorld(scenario, sqlite, sabotage);
  const unplant = sabotage.plant?.();
  try {
    const devices = [
      createDevice(world, 'A', scenario.runnersOnA),
      createDevice(world, 'B', 1),
    ] as const;
    beforeBoot(devices);
    for (const device of devices) {
      device.onUp = () => judge(world, oracles, 'atRestart', device);
      device.boot();
    }
    await liveAndJudge(world, devices, plot).catch((error: unknown) =>
      world.fail(
        'only foreseen errors',
        error instanceof Error ? String(error.stack) : String(error),
      ),
    );
    const events = devices.reduce((sum, { sql }) => {
      const row = sql?.get('SELECT count(*) AS n FROM lading_event');
      return sum + Number(row?.['n'] ?? 0);
    }, 0);
    for (const device of devices) device.turnOff();
    return {
      seed: scenario.seed,
      ...world.counts,
      failures: world.failures,
      requests: world.network.trace.filter(({ what }) => what === 'sent').length,
      events,
      hash: world.trace.hash(),
      trace: () => world.trace.lines(),
    };
  } finally {
    unplant?.();
  }
}

async function liveAndJudge(world: World, devices: readonly Device[], plot: Plot): Promise<void> {
  const acts = [
    () => world.clock.advanceBy(100),
    () => plot(world, devices, createVerbs(world)),
    () => bringToRest(world, devices),
    () => cleanUpServers(world, devices),
    () => judgeAll(world, oracles, devices),
    () => collectAll(world, devices),
    () => judgeAll(world, oracles, devices),
  ];
  for (const act of acts) if (world.failures.length === 0) await act();
}

/** Judging fetched bytes; by then they are no longer taken to be in use. */
const IN_USE_MS = 300_000;

/** Nothing that was judged may depend on events that are no longer there. */
async function collectAll(world: World, devices: readonly Device[]): Promise<void> {
  await world.clock.advanceBy(IN_USE_MS);
  for (const device of devices) {
    for (const { lading, process } of device.ready()) {
      world.trace.note(device.name, 'compacts its log');
      await inTime(world, process.guard(lading.collectGarbage()));
    }
  }
}

/** A random life. */
export const live: Plot = async (world, devices, verbs) => {
  const { scenario } = world;
  const random = world.random.fork('life');
  const known = troubles.filter(({ kind }) => kind === 'always' || scenario.troubles.has(kind));
  for (let step = 0; step < scenario.steps && world.failures.length === 0; step++) {
    await world.clock.advanceBy(random.int(0, scenario.pauseMs));
    judgeAlways(world, oracles, devices);
    const chance = random.fork(`step ${step}`);
    const device = chance.pick(devices);
    if (chance.chance(0.28)) {
      weighted(chance, known).run({ world, device, random: chance });
      continue;
    }
    const ready = device.ready();
    if (ready.length === 0) continue;
    const at = chance.pick(ready);
    // Draws of their own: the lives of seeds stay what they were.
    if (chance.fork('garbage').chance(0.15)) {
      verbs.plain(at, 'collect garbage', (lading) => lading.collectGarbage());
    }
    const wish = chance.fork('prefer');
    if (wish.chance(0.08)) prefer({ world, verbs, device, at, random: wish });
    weighted(chance, steps).run({ world, verbs, device, at, random: chance });
  }
};
