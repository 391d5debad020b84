import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import { calmNetwork } from '../world/network-faults.ts';
import { BACKEND_HOST } from '../world/sim-backend.ts';
import { REMOTE_HOST } from '../world/sim-remote.ts';
import { ACCOUNT } from './app.ts';
import type { Device } from './device.ts';
import { count, mediaOf } from './rows.ts';
import { DRAFT_GRACE_MS, LATE_ARRIVAL_MS } from './scenario.ts';
import type { World } from './world.ts';

/** How long an ending may take, by the graces of its scenario. */
export interface Patience {
  /** Looks this often whether all is at rest. */
  readonly lookMs: number;
  /** How long a request that was under way may still land. */
  readonly lateArrivalMs: number;
  /** The longest grace: before it is over, nothing is at rest. */
  readonly leastMs: number;
  /** By then every grace, second look and backoff is over many times. */
  readonly mostMs: number;
}

/** For the scenarios of short lives. */
const ofMinutes: Patience = {
  lookMs: 5_000,
  lateArrivalMs: LATE_ARRIVAL_MS,
  leastMs: DRAFT_GRACE_MS,
  mostMs: 1_200_000,
};
/** Longer than the cache waits between two looks. */
const CACHE_LOOK_MS = 45_000;

/** Mends everything that is broken, and lets time pass until nobody has anything left to do. */
export async function bringToRest(
  world: World,
  devices: readonly Device[],
  patience: Patience = ofMinutes,
): Promise<void> {
  world.trace.note('world', 'all is mended');
  world.network.faults = { ...calmNetwork, holdMs: world.network.faults.holdMs };
  world.refusal = undefined;
  for (const host of [BACKEND_HOST, REMOTE_HOST]) world.network.setHostUp(host, true);
  world.isSessionOver = false;
  world.token = world.store.issueToken(ACCOUNT, 2 * patience.mostMs);
  for (const device of devices) mend(world, device);
  // What is under way, or was planned (a power cut, a network that comes and goes), still happens.
  await world.clock.advanceBy(45_000);
  for (const device of devices) mend(world, device);
  await world.clock.advanceBy(patience.lateArrivalMs);

  const until = world.clock.elapsedMs + patience.mostMs;
  await allUp(world, devices);
  // Twice in a row: what one device has sent, the other one may not have heard yet.
  for (let look = 0, quiet = 0; quiet < 2 && world.clock.elapsedMs < until; look++) {
    if (world.failures.length > 0) return;
    if (look % 8 === 0) for (const device of devices) askAgain(world, device);
    await world.clock.advanceBy(patience.lookMs);
    const rests = devices.every(isAtRest) && world.clock.elapsedMs > patience.leastMs;
    quiet = rests ? quiet + 1 : 0;
  }
}

/** The backend's own job: objects that nobody refers to any more are deleted after their grace. */
export async function cleanUpServers(world: World, devices: readonly Device[]): Promise<void> {
  await world.clock.advanceBy(1_000);
  deleteUnreferenced(world, 0);
  await allUp(world, devices);
  // What was just uploaded or opened is left alone for a moment; then the cache looks again.
  if (world.scenario.cacheBytes !== undefined) await world.clock.advanceBy(CACHE_LOOK_MS);
}

/** One run of that job; an object that the remote does not let go now is there for the next one. */
export function deleteUnreferenced(world: World, graceMs: number): void {
  for (const key of world.backend.unreferenced(graceMs)) {
    const { status } = world.store.remove(world.token, key);
    world.trace.note('world', `the backend deletes ${key}: ${status}`);
    if (status !== 200) continue;
    world.deleted.add(key);
    world.backend.objectRemoved(key);
  }
}

function mend(world: World, device: Device): void {
  device.disk.capacityBytes = Number.POSITIVE_INFINITY;
  device.forgetPowerCut();
  device.clock.jump(world.clock.now() - device.clock.now());
  device.setOnline(true);
  device.setReachable(true);
  device.setMetered(false);
  device.boot();
}

/** What a user does at last: ends every pause, and asks for a retry of what failed. */
function askAgain(world: World, device: Device): void {
  for (const { lading, process, name } of device.ready()) {
    const tried = (work: Promise<unknown>): void => {
      process.guard(work).catch((error: unknown) => world.trace.note(name, String(error)));
    };
    tried(lading.credentials(world.scenario.refreshes === true ? world.token : undefined));
    tried(lading.resume());
    for (const { mediaId, facts } of mediaOf(device)) {
      if (facts.held) tried(lading.resume(mediaId));
      if (needsUser(facts)) tried(lading.retry(mediaId));
    }
    tried(lading.retrySync());
  }
}

/** What only a verb, or new credentials, sets going again. */
function needsUser({ situation, local }: AttachmentFacts): boolean {
  return (
    ['failed', 'leftover', 'removeAwaitingCredentials'].includes(situation) ||
    local === 'downloadAwaitingCredentials'
  );
}

async function allUp(world: World, devices: readonly Device[]): Promise<void> {
  const until = world.clock.elapsedMs + 120_000;
  while (!devices.every(({ isUp }) => isUp)) {
    await world.clock.advanceBy(500);
    if (world.clock.elapsedMs > until) {
      world.fail('a device opens again', 'it did not, with everything mended');
      return;
    }
  }
}

/** No task, no op, and nothing that shows as if it were under way. */
function isAtRest({ sql }: Device): boolean {
  return (
    sql !== undefined &&
    count(sql, 'SELECT count(*) AS n FROM lading_task') === 0 &&
    count(sql, `SELECT count(*) AS n FROM lading_outbox WHERE account_id = '${ACCOUNT}'`) === 0 &&
    count(
      sql,
      `SELECT count(*) AS n FROM lading_job
       WHERE account_id = '${ACCOUNT}' AND situation IN ('queued', 'waiting', 'uploading', 'attaching', 'awaitingCredentials', 'held')`,
    ) === 0
  );
}
