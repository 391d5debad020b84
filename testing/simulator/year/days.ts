import type { SeededRandom } from '../../world/seeded-random.ts';
import type { Device } from '../device.ts';
import { deleteUnreferenced } from '../ending.ts';
import { troubles } from '../troubles.ts';
import type { Verbs } from '../verbs.ts';
import { weighted } from '../weighted.ts';
import type { World } from '../world.ts';
import { createOwners, type Owners } from './owners.ts';
import { act } from './people.ts';
import { signIn } from './sign-in.ts';
import { DAY_MS, isIn, type YearPlan } from './year-scenario.ts';

/** Where somebody works: a device, or both at the same time. */
interface Session {
  readonly at: readonly Device[];
  readonly day: number;
  readonly acts: number;
}

/** The year: every day sessions on one device or both, and between them closed apps. */
export async function liveYear(
  world: World,
  devices: readonly Device[],
  verbs: Verbs,
  plan: YearPlan,
): Promise<void> {
  const random = world.random.fork('days');
  const owners = createOwners();
  for (const device of devices) device.close();
  for (let day = 0; day < plan.days && world.failures.length === 0; day++) {
    const chance = random.fork(`day ${day}`);
    await world.clock.advanceTo(day * DAY_MS + chance.int(6, 9) * 3_600_000);
    signIn(world);
    for (const session of sessionsOf(world, devices, plan, day, chance)) {
      await work({ world, verbs, owners, plan, session, random: chance });
      await world.clock.advanceBy(chance.int(1, 4) * 3_600_000);
    }
    if (day % SERVER_CLEANS_EVERY_DAYS === 0) deleteUnreferenced(world, DAY_MS);
  }
}

/** The backend's own job looks at every object. */
const SERVER_CLEANS_EVERY_DAYS = 5;

/** What is left to capture is spread over what is left of the year. */
function sessionsOf(
  world: World,
  devices: readonly Device[],
  plan: YearPlan,
  day: number,
  random: SeededRandom,
): readonly Session[] {
  const [phone, tablet] = devices;
  if (phone === undefined || tablet === undefined) throw new Error('two devices were promised');
  const left = Math.max(0, plan.attachments - world.ledger.files.length);
  const acts = Math.ceil((left / (plan.days - day)) * ACTS_PER_CAPTURE);
  const together = { at: [phone, tablet], day, acts: acts };
  if (random.chance(0.4)) return [together];
  const share = random.next();
  const apart = [
    { at: [phone], day, acts: Math.round(acts * share) },
    { at: [tablet], day, acts: Math.round(acts * (1 - share)) },
  ];
  return random.shuffle(apart);
}

/** Acts of people for each capture, more or less. */
const ACTS_PER_CAPTURE = 1.35;
/** Acts that somebody does in one go, before time passes. */
const BURST = [4, 14] as const;

interface Work {
  readonly world: World;
  readonly verbs: Verbs;
  readonly owners: Owners;
  readonly plan: YearPlan;
  readonly session: Session;
  readonly random: SeededRandom;
}

async function work({ world, verbs, owners, plan, session, random }: Work): Promise<void> {
  const { at: devices, day } = session;
  for (const device of devices) begin(device, day, plan, world, random);
  await world.clock.advanceBy(3_000);
  const known = troubles.filter(
    ({ kind }) => kind !== 'always' && world.scenario.troubles.has(kind),
  );
  for (let left = session.acts; left > 0 && world.failures.length === 0; ) {
    const device = random.pick(devices);
    const [at] = device.ready();
    const burst = random.int(...BURST);
    left -= burst;
    if (random.chance(plan.troubles)) weighted(random, known).run({ world, device, random });
    for (let count = 0; at !== undefined && count < burst && at.process.isAlive; count++) {
      act({ world, verbs, owners, device, at, random });
    }
    await world.clock.advanceBy(
      random.chance(0.5) ? random.int(100, 2_000) : random.int(2_000, 40_000),
    );
  }
  // Often time enough for everything, and sometimes closed in the middle of an upload.
  await world.clock.advanceBy(
    random.chance(0.7) ? random.int(60_000, 1_200_000) : random.int(0, 3_000),
  );
  for (const device of devices) await end(world, device);
}

/** What a disk has left that is nearly full. */
const FREE_BYTES = [10_000, 400_000] as const;

/** Somebody opens the app. */
function begin(
  device: Device,
  day: number,
  plan: YearPlan,
  world: World,
  random: SeededRandom,
): void {
  device.clock.jump(world.clock.now() - device.clock.now());
  device.setOnline(!isIn(plan.offline[device.name], day));
  device.setMetered(random.chance(0.15));
  device.disk.capacityBytes = isIn(plan.nearlyFull[device.name], day)
    ? device.disk.usedBytes + random.int(...FREE_BYTES)
    : Number.POSITIVE_INFINITY;
  if (random.chance(plan.powerCuts)) device.powerCutAt('sync', random.int(1, 60));
  if (random.chance(plan.kills)) {
    world.clock.schedule(random.int(1_000, 300_000), () => {
      if (device.runners.length > 0) device.kill();
    });
  }
  device.boot();
}

/** Somebody closes the app; if it does not close, the system ends it. */
async function end(world: World, device: Device): Promise<void> {
  device.forgetPowerCut();
  device.close();
  await world.clock.advanceBy(10_000);
  if (device.runners.length > 0) device.kill();
  device.close();
}
