import type { LadingOptions } from '../../lading.ts';
import type { Clock } from '../../ports/clock.ts';
import type { StorageNumbers } from '../../ports/storage-estimate.ts';
import type { SimProcess } from '../world/process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { SimDisk } from '../world/sim-disk.ts';
import type { DiskPortOptions } from '../world/sim-disk-port.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

/** How long the disk takes, where it takes any time. */
export function latencyOf(
  { diskMs }: Scenario,
  clock: Clock,
  random: SeededRandom,
): DiskPortOptions {
  return diskMs === undefined ? {} : { clock, latencyMs: () => random.int(0, diskMs) };
}

/** What the app asks for beside its fields. */
export function wishesOf({ scenario, clock }: World, process: SimProcess, disk: SimDisk): Wishes {
  const { budgetBytes, cacheBytes, cacheAgeMs, collects, estimates = false } = scenario;
  const age = cacheAgeMs === undefined ? {} : { maxAgeMs: cacheAgeMs };
  const isSilent = collects?.(clock.elapsedMs) === false;
  const estimate = process.port({ estimate: async () => roomOf(disk) });
  return {
    ...(budgetBytes === undefined ? {} : { storageBudgetBytes: budgetBytes }),
    ...(cacheBytes === undefined ? {} : { cache: { maxBytes: cacheBytes, ...age } }),
    ...(isSilent ? { garbage: { everyMs: Number.POSITIVE_INFINITY } } : {}),
    ...(estimates && Number.isFinite(disk.capacityBytes) ? { storageEstimate: estimate } : {}),
  };
}

type Wishes = Partial<
  Pick<LadingOptions, 'storageBudgetBytes' | 'cache' | 'garbage' | 'storageEstimate'>
>;

function roomOf({ capacityBytes, usedBytes }: SimDisk): StorageNumbers {
  if (!Number.isFinite(capacityBytes)) return {};
  return { freeBytes: Math.max(0, capacityBytes - usedBytes) };
}
