import { owners } from './app.ts';
import type { Device } from './device.ts';
import { photoBytes } from './files.ts';
import { calmScenario } from './scenario.ts';
import { type Plot, type SimulatedParts, type Simulation, simulateScenario } from './simulate.ts';
import type { Open } from './verbs.ts';
import type { World } from './world.ts';

/** Where the power goes in the fixed life of {@link livePowerCut}: at the `sync`-th sync of device A. */
export interface PowerCut {
  readonly sync: number;
  readonly when: 'before' | 'after';
}

/**
 * One fixed life: a photo is captured and uploaded, a draft is linked and uploaded, a second device shows both, and
 * a larger one is removed while it is sent. The power goes once, or never.
 */
export function livePowerCut(
  cut: PowerCut | undefined,
  parts: SimulatedParts = {},
): Promise<Simulation> {
  return simulateScenario(calmScenario(1), {}, fixedLife, parts, ([phone]) => {
    if (cut !== undefined) phone?.powerCutAt('sync', cut.sync, cut.when);
  });
}

/** How many syncs that life has without a power cut. */
export async function countSyncs(parts: SimulatedParts = {}): Promise<number> {
  let syncs = 0;
  const counted: Plot = async (world, devices, verbs) => {
    await fixedLife(world, devices, verbs);
    syncs = devices[0]?.disk.syncs ?? 0;
  };
  await simulateScenario(calmScenario(1), {}, counted, parts);
  return syncs;
}

const fixedLife: Plot = async (world, [phone], verbs) => {
  const [receipts] = owners;
  if (phone === undefined || receipts === undefined) return;
  const wish = { device: phone.name, kind: 'image', noted: true } as const;
  const photo = (length: number) => photoBytes(world.random.fork(`photo of ${length}`), length);

  verbs.capture(await up(world, phone), receipts, { ...wish, bytes: photo(9_000) });
  await world.clock.advanceBy(300);
  const draft = verbs.capture(await up(world, phone), receipts, {
    ...wish,
    bytes: photo(1_500),
    draft: true,
  });
  await world.clock.advanceBy(200);
  const at = await up(world, phone);
  if (draft.capture === 'acknowledged') verbs.link(at, draft.mediaId, receipts);
  await world.clock.advanceBy(3_000);

  const large = verbs.capture(await up(world, phone), receipts, { ...wish, bytes: photo(30_000) });
  await world.clock.advanceBy(200);
  const then = await up(world, phone);
  const isThere = then.lading.list(receipts).some(({ ref }) => ref.mediaId === large.mediaId);
  if (isThere) verbs.remove(then, large.mediaId, receipts);
  await world.clock.advanceBy(5_000);
};

/** The device, started again if need be. */
async function up(world: World, device: Device): Promise<Open> {
  for (let waited = 0; waited < 600; waited++) {
    const [runner] = device.ready();
    if (runner !== undefined) return runner;
    await world.clock.advanceBy(100);
  }
  throw new Error(`${device.name} does not open again`);
}
