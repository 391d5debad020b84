import type { Device } from '../../device.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import type { World } from '../../world.ts';
import { cachedFiles } from '../evictable.ts';

/** Contract 6: what only the cache keeps stays within its bytes and its age. */
export const cacheKeptSmall: Oracle = {
  name: 'the cache keeps to its bytes and to its age',
  atEnd: (world, devices) => devices.flatMap((device) => tooMuch(world, device)),
};

function tooMuch({ scenario, clock }: World, device: Device): readonly string[] {
  const { cacheBytes = Number.POSITIVE_INFINITY, cacheAgeMs = Number.POSITIVE_INFINITY } = scenario;
  const cached = cachedFiles(device);
  const bytes = cached.reduce((sum, { byteSize }) => sum + byteSize, 0);
  const old = cached.filter(({ openedAt }) => clock.now() - openedAt > cacheAgeMs + SLACK_MS);
  return [
    ...(bytes <= cacheBytes
      ? []
      : [`${device.name} caches ${bytes} bytes, and may cache ${cacheBytes}`]),
    ...old.map(({ blobKey }) => `${device.name} caches ${blobKey}, which nobody opened for long`),
  ];
}

/** It looks around now and then. */
const SLACK_MS = 3_600_000;
