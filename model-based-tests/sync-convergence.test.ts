import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  nat,
  record,
} from 'fast-check';
import { LadingError, type UndoToken } from 'lading';
import { roughNetwork } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { item, type SyncDevice, type SyncWorld, syncWorld } from '../tests/support/sync-world.ts';

/** `SYNC_RUNS=500` walks further. */
const RUNS = Number(process.env['SYNC_RUNS'] ?? 15);
const OWNERS = [item('i1'), item('i1', 'covers')] as const;

describe('sync', () => {
  it('brings two devices to exactly the backend’s rows, whatever both did and the network lost, doubled or reordered', async () => {
    let agreed = 0;
    const property = asyncProperty(
      integer(),
      array(command(), { minLength: 5, maxLength: 40 }),
      async (seed, commands) => {
        const world = syncWorld(seed, { ...roughNetwork, holdMs: [1_000, 120_000] });
        const devices = [await world.device('phone'), await world.device('laptop')] as const;
        const undos: UndoToken[][] = [[], []];
        for (const one of commands) {
          await run(world, devices[one.device], undos[one.device] ?? [], one);
        }
        await calm(world, devices);
        for (const device of devices) await agrees(world, device);
        agreed += 1;
      },
    );
    await assert(property, { numRuns: RUNS, seed: 20_260_101 });
    expect(agreed).toBeGreaterThanOrEqual(RUNS);
  }, 120_000);
});

type Verb =
  | 'capture'
  | 'remove'
  | 'move'
  | 'setPrimary'
  | 'link'
  | 'undo'
  | 'cancel'
  | 'wait'
  | 'offline'
  | 'online';

interface Command {
  readonly device: 0 | 1;
  readonly verb: Verb;
  readonly pick: number;
  readonly at: number;
}

function command(): Arbitrary<Command> {
  const verbs: readonly (readonly [number, Verb])[] = [
    [4, 'capture'],
    [3, 'remove'],
    [3, 'move'],
    [3, 'setPrimary'],
    [2, 'link'],
    [2, 'undo'],
    [1, 'cancel'],
    [6, 'wait'],
    [1, 'offline'],
    [1, 'online'],
  ];
  return record({
    device: constantFrom(0 as const, 1 as const),
    verb: constantFrom(
      ...verbs.flatMap(([weight, verb]) => Array.from({ length: weight }, () => verb)),
    ),
    pick: nat(20),
    at: nat(20),
  });
}

async function run(
  world: SyncWorld,
  device: SyncDevice,
  undos: UndoToken[],
  { verb, pick, at }: Command,
): Promise<void> {
  const owner = OWNERS[at % OWNERS.length] ?? item();
  const { lading, link } = device;
  const known = device.ids(owner);
  const id = known[pick % Math.max(1, known.length)];
  if (verb === 'capture') return void (await device.capture(`${pick} ${at}`, owner));
  if (verb === 'wait') return world.clock.advanceBy(pick * 1_500);
  if (verb === 'offline' || verb === 'online') return link.setOnline(verb === 'online');
  if (verb === 'undo') {
    const token = undos.pop();
    return token && orRefused(world.until(lading.undo(token)));
  }
  if (id === undefined) return;
  if (verb === 'move') return world.until(lading.move(id, owner, at));
  if (verb === 'setPrimary') return world.until(lading.setPrimary(id, owner));
  if (verb === 'cancel') return world.until(lading.cancel(id));
  if (verb === 'remove') return void undos.push(await world.until(lading.remove(id, owner)));
  return orRefused(world.until(lading.link(id, OWNERS[(at + 1) % 2] ?? item())));
}

/** A verb may come too late; that is an answer. */
async function orRefused(verb: Promise<void>): Promise<void> {
  try {
    await verb;
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
  }
}

/** All requests that were held back land, the network is fine, and everybody tries again. */
async function calm(world: SyncWorld, devices: readonly SyncDevice[]): Promise<void> {
  await world.clock.advanceBy(130_000);
  world.network.faults = {
    ...roughNetwork,
    loseRequest: 0,
    loseReply: 0,
    duplicate: 0,
    holdBack: 0,
    badGateway: 0,
    captivePortal: 0,
    silent: 0,
  };
  for (const { link } of devices) link.setOnline(true);
  await world.clock.advanceBy(10_000);
  for (const { lading } of devices) await world.until(lading.retrySync());
  await world.quiet();
}

async function agrees(world: SyncWorld, device: SyncDevice): Promise<void> {
  expect(device.refs()).toEqual(world.rows());
  expect(await world.until(device.lading.settled())).toMatchObject({ unsyncedOps: 0 });
  expect(await world.until(device.lading.verify())).toMatchObject({ ok: true });
  await device.close();
}
