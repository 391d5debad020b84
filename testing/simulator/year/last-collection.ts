import { LadingError } from '../../../ports/errors.ts';
import type { Device } from '../device.ts';
import { deleteUnreferenced } from '../ending.ts';
import { inTime } from '../judge.ts';
import type { World } from '../world.ts';
import { signIn } from './sign-in.ts';
import { DAY_MS } from './year-scenario.ts';

/** What the last runs of garbage collection freed, on both devices. */
export interface LastCollection {
  readonly files: number;
  readonly bytes: number;
}

/** Long enough for everything at rest to be compacted, and for what is found to go. */
const RETENTION_MS = 8 * DAY_MS;
const GRACE_MS = 1.1 * DAY_MS;

/** The last garbage collection: it finds, and after its grace it removes. The backend ends its own work first. */
export async function collectForTheLastTime(
  world: World,
  devices: readonly Device[],
): Promise<LastCollection> {
  const freed = { files: 0, bytes: 0 };
  deleteUnreferenced(world, 0);
  for (const awayMs of [RETENTION_MS, GRACE_MS, GRACE_MS]) {
    await stayAway(world, devices, awayMs);
    for (const device of devices) await collect(world, device, freed);
  }
  return freed;
}

/** Nobody opens the app for so long; then it is opened on both devices. */
async function stayAway(world: World, devices: readonly Device[], forMs: number): Promise<void> {
  for (const device of devices) device.close();
  await world.clock.advanceBy(forMs);
  signIn(world);
  for (const device of devices) device.boot();
  // For the cache to look around, and for what it evicts to go.
  await world.clock.advanceBy(OPEN_MS);
}

const OPEN_MS = 180_000;

async function collect(
  world: World,
  device: Device,
  freed: { files: number; bytes: number },
): Promise<void> {
  const [runner] = device.ready();
  if (runner === undefined) return;
  try {
    const report = await inTime(world, runner.process.guard(runner.lading.collectGarbage()));
    if (report === undefined) world.fail(PROMISE, `${device.name}: it did not come to its end`);
    freed.files += report?.freed.files ?? 0;
    freed.bytes += report?.freed.bytes ?? 0;
    for (const { code, message } of report?.problems ?? []) {
      world.fail(PROMISE, `${device.name}: ${code}: ${message}`);
    }
  } catch (error) {
    const text = error instanceof LadingError ? `${error.code}: ${error.message}` : String(error);
    world.fail(PROMISE, `${device.name}: ${text}`);
  }
}

const PROMISE = 'garbage is collected when it is asked for';
