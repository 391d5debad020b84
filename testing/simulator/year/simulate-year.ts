import { preload } from '../../../on-demand.ts';
import { loadSimDriver } from '../../world/sim-driver.ts';
import { createDevice } from '../device.ts';
import { bringToRest, cleanUpServers, type Patience } from '../ending.ts';
import { judge, judgeAll } from '../judge.ts';
import type { Sabotage } from '../sabotage.ts';
import type { SimulatedParts } from '../simulate.ts';
import { createVerbs } from '../verbs.ts';
import { createWorld, type Failure, type World } from '../world.ts';
import { liveYear } from './days.ts';
import { collectForTheLastTime, type LastCollection } from './last-collection.ts';
import { yearOracles } from './oracles/index.ts';
import { type YearCounts, yearCounts } from './year-counts.ts';
import { DAY_MS, yearOf } from './year-scenario.ts';

/** What became of one year. */
export interface Year extends YearCounts {
  readonly seed: number;
  readonly lastFreed: LastCollection;
  readonly failures: readonly Failure[];
  /** Of the whole trace: the same seed gives the same hash. */
  readonly hash: string;
  readonly trace: () => readonly string[];
}

export interface YearParts extends SimulatedParts {
  /** Captures that people ask for. Default 20,000. */
  readonly attachments?: number;
  /** Fewer make a shorter test, not a sparser year. Default 365. */
  readonly days?: number;
}

/** The product's own graces: drafts have a day, removed objects a quarter of an hour. */
const patience: Patience = {
  lookMs: 600_000,
  lateArrivalMs: 900_000,
  leastMs: 0,
  mostMs: 14 * DAY_MS,
};

/** Lives one year through on two devices, cleans up for the last time, and judges what is left. */
export async function simulateYear(
  seed: number,
  sabotage: Sabotage = {},
  parts: YearParts = {},
): Promise<Year> {
  const { attachments = 20_000, days = 365 } = parts;
  const { scenario: real, plan } = yearOf(seed, { attachments, days });
  const scenario = sabotage.scenario?.(real) ?? real;
  await preload();
  const sqlite = await loadSimDriver(parts.driver ?? 'node');
  const world = createWorld(scenario, sqlite, sabotage);
  const unplant = sabotage.plant?.();
  try {
    const devices = ['A', 'B'].map((name) => createDevice(world, name, 1));
    for (const device of devices) {
      device.onUp = () => judge(world, yearOracles, 'atRestart', device);
    }
    let freed: LastCollection = { files: 0, bytes: 0 };
    const acts = [
      () => liveYear(world, devices, createVerbs(world), plan),
      () => bringToRest(world, devices, patience),
      () => cleanUpServers(world, devices),
      async () => {
        freed = await collectForTheLastTime(world, devices);
      },
      () => judgeAll(world, yearOracles, devices),
    ];
    await inOrder(world, acts);
    const counts = { ...yearCounts(world, devices), lastFreed: freed };
    for (const device of devices) device.turnOff();
    return {
      seed,
      ...counts,
      failures: world.failures,
      hash: world.trace.hash(),
      trace: () => world.trace.lines(),
    };
  } finally {
    unplant?.();
  }
}

async function inOrder(world: World, acts: readonly (() => Promise<void>)[]): Promise<void> {
  try {
    for (const act of acts) if (world.failures.length === 0) await act();
  } catch (error) {
    const text = error instanceof Error ? String(error.stack) : String(error);
    world.fail('only foreseen errors', text);
  }
}
