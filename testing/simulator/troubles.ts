import type { SeededRandom } from '../world/seeded-random.ts';
import { BACKEND_HOST } from '../world/sim-backend.ts';
import { REMOTE_HOST } from '../world/sim-remote.ts';
import { ACCOUNT } from './app.ts';
import type { Device } from './device.ts';
import type { Trouble } from './scenario.ts';
import type { World } from './world.ts';

/** One thing that goes wrong. */
export interface TroubleStep {
  readonly kind: Trouble | 'always';
  readonly weight: number;
  run(context: TroubleContext): void;
}

export interface TroubleContext {
  readonly world: World;
  readonly device: Device;
  readonly random: SeededRandom;
}

/** What happens to a device, its network and the servers. */
export const troubles: readonly TroubleStep[] = [
  { kind: 'always', weight: 3, run: ({ device }) => device.restart() },
  { kind: 'kill', weight: 6, run: ({ device }) => device.kill() },
  {
    kind: 'kill',
    weight: 3,
    run({ device, random }) {
      if (device.runners.length > 0) device.killOne(random.pick(device.runners));
    },
  },
  { kind: 'power', weight: 3, run: ({ device }) => device.powerCut() },
  {
    kind: 'power',
    weight: 5,
    run: ({ device, random }) => device.powerCutAt('sync', random.int(1, 30)),
  },
  {
    kind: 'power',
    weight: 4,
    run: ({ device, random }) => device.powerCutAt('operation', random.int(1, 150)),
  },
  {
    kind: 'network',
    weight: 5,
    run({ world, device, random }) {
      device.setOnline(false);
      world.clock.schedule(random.int(200, 30_000), () => device.setOnline(true));
    },
  },
  {
    kind: 'network',
    weight: 3,
    run({ world, device, random }) {
      device.setReachable(false);
      world.clock.schedule(random.int(200, 15_000), () => device.setReachable(true));
    },
  },
  { kind: 'network', weight: 2, run: flap },
  {
    kind: 'metered',
    weight: 8,
    run({ world, device, random }) {
      device.setMetered(true);
      world.clock.schedule(random.int(3_000, 60_000), () => device.setMetered(false));
    },
  },
  { kind: 'remote', weight: 3, run: hostDown(REMOTE_HOST) },
  { kind: 'remote', weight: 2, run: hostDown(BACKEND_HOST) },
  { kind: 'remote', weight: 6, run: refuse },
  { kind: 'remote', weight: 2, run: signInAgain },
  { kind: 'clock', weight: 4, run: jump },
  { kind: 'disk', weight: 4, run: fillDisk },
  { kind: 'stall', weight: 5, run: standStill },
];

function flap({ world, device, random }: TroubleContext): void {
  let at = 0;
  for (let count = random.int(2, 6); count > 0; count--) {
    at += random.int(20, 400);
    world.clock.schedule(at, () => device.setOnline(false));
    at += random.int(20, 400);
    world.clock.schedule(at, () => device.setOnline(true));
  }
}

function hostDown(host: string): TroubleStep['run'] {
  return ({ world, random }) => {
    world.trace.note('world', `${host} is down`);
    world.network.setHostUp(host, false);
    world.clock.schedule(random.int(500, 20_000), () => {
      world.trace.note('world', `${host} is up`);
      world.network.setHostUp(host, true);
    });
  };
}

function refuse({ world, random }: TroubleContext): void {
  const reply = random.pick([
    { status: 503, code: 'unavailable' },
    { status: 503, code: 'unavailable', retryAfterMs: 3_000 },
    { status: 429, code: 'too_many_requests', retryAfterMs: random.int(500, 20_000) },
    { status: 413, code: 'too_large' },
    { status: 401, code: 'credentials_expired' },
  ] as const);
  const left = reply.status === 413 ? 1 : random.int(1, 8);
  world.trace.note('world', `the remote answers ${reply.status} ${left} times`);
  world.refusal = { reply, left, untilMs: world.clock.elapsedMs + random.int(1_000, 20_000) };
}

/** Credentials end. The session goes on, and gives new ones to who asks, or the user signs in again a while later. */
function signInAgain({ world, random }: TroubleContext): void {
  world.trace.note('world', 'credentials end');
  world.store.revokeTokens(ACCOUNT);
  const lasts = world.scenario.refreshes === true && random.fork('session').chance(0.5);
  if (lasts) {
    world.token = world.store.issueToken(ACCOUNT); // what the app has stored, for whoever starts now
    return;
  }
  world.isSessionOver = true;
  world.clock.schedule(random.int(100, 20_000), () => {
    world.trace.note('world', 'credentials are new');
    world.isSessionOver = false;
    world.token = world.store.issueToken(ACCOUNT);
    for (const told of world.onSignIn) told();
  });
}

function jump({ world, device, random }: TroubleContext): void {
  const byMs = random.pick([-600_000, -20_000, -500, 500, 20_000, 600_000]);
  world.trace.note(device.name, `clock jumps by ${byMs} ms`);
  world.uploads.excuse();
  device.clock.jump(byMs);
  if (random.chance(0.5)) return;
  world.clock.schedule(random.int(500, 20_000), () => {
    world.trace.note(device.name, 'clock is set right');
    device.clock.jump(world.clock.now() - device.clock.now());
  });
}

/** Often longer than a lease: another runner may take over what this one still believes to hold. */
function standStill({ world, device, random }: TroubleContext): void {
  if (device.runners.length === 0) return;
  const runner = random.pick(device.runners);
  const forMs = random.pick([500, 5_000, 2 * world.scenario.leaseMs]);
  world.trace.note(runner.name, `stands still for ${forMs} ms`);
  world.uploads.excuse();
  runner.stall.begin();
  world.clock.schedule(forMs, () => {
    world.trace.note(runner.name, 'moves again');
    runner.stall.end();
  });
}

function fillDisk({ world, device, random }: TroubleContext): void {
  const free = random.int(0, 20_000);
  world.trace.note(device.name, `disk has ${free} bytes left`);
  device.disk.capacityBytes = device.disk.usedBytes + free;
  world.clock.schedule(random.int(500, 10_000), () => {
    world.trace.note(device.name, 'disk has room');
    device.disk.capacityBytes = Number.POSITIVE_INFINITY;
  });
}
