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
import { LadingError, type MediaId, type Owner, ownerKey, type UndoToken } from 'lading';
import { roughNetwork } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { item, type SyncDevice, type SyncWorld, syncWorld } from '../tests/support/sync-world.ts';

/** `SYNC_RUNS=500` walks further. */
const RUNS = Number(process.env['SYNC_RUNS'] ?? 15);
/** Two lists, and a field that holds one. */
const OWNERS = [item('i1'), item('i1', 'covers'), item('i1', 'logo')] as const;
const LOGO = OWNERS[2];
/** Past undo times, the second look, and a held row's next turn. */
const REST_MS = 45 * 60_000;

describe('sync', () => {
  it(
    'brings two devices to exactly the backend’s rows, whatever both did and the network lost, doubled or reordered',
    async () => {
      let agreed = 0;
      const property = asyncProperty(
        integer(),
        array(command(), { minLength: 5, maxLength: 40 }),
        async (seed, commands) => {
          const world = syncWorld(seed, { ...roughNetwork, holdMs: [1_000, 120_000] });
          const devices = [await world.device('phone'), await world.device('laptop')] as const;
          const undos: UndoToken[][] = [[], []];
          const kept = new Set<string>();
          for (const one of commands) {
            await run(world, devices[one.device], { undos: undos[one.device] ?? [], kept }, one);
          }
          await calm(world, devices);
          for (const device of devices) await agrees(world, device);
          lostNothing(world, kept);
          agreed += 1;
        },
      );
      await assert(property, { numRuns: RUNS, seed: 20_260_101 });
      expect(agreed).toBeGreaterThanOrEqual(RUNS);
    },
    Math.max(120_000, RUNS * 10_000),
  );
});

type Verb =
  | 'capture'
  | 'remove'
  | 'replace'
  | 'ownerDeleted'
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
    [3, 'replace'],
    [1, 'ownerDeleted'],
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

/** What the people know. */
interface Known {
  readonly undos: UndoToken[];
  /** `id|owner` of refs that nobody took away, on any device: they must be there in the end. */
  readonly kept: Set<string>;
}

async function run(
  world: SyncWorld,
  device: SyncDevice,
  { undos, kept }: Known,
  { verb, pick, at }: Command,
): Promise<void> {
  const owner = OWNERS[at % OWNERS.length] ?? item();
  const { lading, link } = device;
  const known = device.ids(owner);
  const id = known[pick % Math.max(1, known.length)];
  const put = (made: string): void => void kept.add(refName(made, owner));
  const taken = (gone: string, of = owner): void => void kept.delete(refName(gone, of));
  if (verb === 'capture') {
    if (owner === LOGO && known.length > 0) return;
    return put(await device.capture(`${pick} ${at}`, owner));
  }
  if (verb === 'ownerDeleted') {
    for (const gone of known) taken(gone);
    return void undos.push(await world.until(lading.ownerDeleted(owner)));
  }
  if (verb === 'wait') return world.clock.advanceBy(pick * 1_500);
  if (verb === 'offline' || verb === 'online') return link.setOnline(verb === 'online');
  if (verb === 'undo') {
    const token = undos.pop();
    // A replacement that is taken back goes.
    const { replacement } = JSON.parse(token ?? '{}') as { readonly replacement?: string };
    if (replacement !== undefined) for (const of of OWNERS) taken(replacement, of);
    return token && orRefused(world.until(lading.undo(token)));
  }
  if (id === undefined) return;
  if (verb === 'replace') {
    taken(id);
    const replaced = await device.replace(id as MediaId, `${pick} ${at}`, owner);
    put(replaced.id);
    return void undos.push(replaced.undo);
  }
  if (verb === 'move' || verb === 'setPrimary') {
    if (owner === LOGO) return;
    if (verb === 'move') return world.until(lading.move(id, owner, at));
    return world.until(lading.setPrimary(id, owner));
  }
  if (verb === 'cancel') {
    for (const of of OWNERS) taken(id, of);
    return world.until(lading.cancel(id));
  }
  if (verb === 'link') {
    return orRefused(world.until(lading.link(id, OWNERS[(at + 1) % 2] ?? item())));
  }
  taken(id);
  return void undos.push(await world.until(lading.remove(id, owner)));
}

function refName(id: string, owner: Owner): string {
  return `${id}|${ownerKey(owner)}`;
}

/** What nobody took away is there: no device's list stood for the other's (contract 1, owner). */
function lostNothing(world: SyncWorld, kept: ReadonlySet<string>): void {
  const ids = new Set(world.rows().map(({ id }) => id));
  expect([...kept].filter((id) => !ids.has(id))).toEqual([]);
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
  await world.clock.advanceBy(REST_MS);
}

async function agrees(world: SyncWorld, device: SyncDevice): Promise<void> {
  const rows = world.rows();
  expect(device.refs()).toEqual(rows);
  for (const owner of OWNERS) {
    const refs = device.lading.list(owner).map(({ ref }) => ref);
    expect(device.appRow(owner)).toEqual(refs);
    const primaries = refs.filter(({ isPrimary }) => isPrimary === true);
    expect(primaries.length).toBeLessThanOrEqual(1);
  }
  expect(await world.until(device.lading.settled())).toMatchObject({ unsyncedOps: 0 });
  expect(await world.until(device.lading.verify())).toMatchObject({ ok: true });
  await device.close();
}
