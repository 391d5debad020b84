import type { Device } from '../device.ts';
import { isStoredFormOf, mayBeGone } from '../ledger.ts';
import { mediaOf } from '../rows.ts';
import { keyOf, type World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 6: what is evicted is at the remote, and at rest the cache keeps to its limit. */
export const cacheBounded: Oracle = {
  name: 'the cache is bounded, and nothing unsent is evicted',
  always: (world, device) => evictedUnsent(world, device),
  atRestart: (world, device) => evictedUnsent(world, device),
  atEnd: (world, devices) =>
    devices.flatMap((device) => [...evictedUnsent(world, device), ...overLimit(world, device)]),
};

const AWAY: ReadonlySet<string> = new Set(['evicting', 'evicted']);

function evictedUnsent({ ledger, store }: World, device: Device): readonly string[] {
  if (
    device.sql?.get(`SELECT 1 AS found FROM sqlite_schema WHERE name = 'lading_media'`) ===
    undefined
  ) {
    return [];
  }
  return mediaOf(device)
    .filter(({ facts, origin }) => AWAY.has(facts.local) && origin === 'here' && !facts.gone)
    .flatMap(({ mediaId }) => {
      const file = ledger.find(mediaId);
      // What somebody let go may be gone everywhere.
      if (file === undefined || mayBeGone(file)) return [];
      const object = store.objects().find(({ key }) => key === keyOf(mediaId));
      return object !== undefined && isStoredFormOf(file, object.bytes)
        ? []
        : [`${device.name} evicted ${file.name}, which is not at the remote`];
    });
}

/** Asked of the engine, and of the rows, which must agree. */
function overLimit({ scenario }: World, device: Device): readonly string[] {
  const { name, sql } = device;
  const said = device.ready()[0]?.lading.storage().evictableBytes;
  const row = sql?.get(
    `SELECT coalesce(sum(byte_size), 0) AS n FROM lading_blob WHERE blob_key NOT IN (
       SELECT blob_key FROM lading_media WHERE has_bytes = 1 AND NOT (url IS NOT NULL
         AND facts ->> 'error' IS NULL AND facts ->> 'local' = 'present' AND NOT facts ->> 'pinned'))`,
  );
  const counted = Number(row?.['n']);
  const { cacheBytes = Number.POSITIVE_INFINITY } = scenario;
  return [
    ...(said === counted
      ? []
      : [`${name} says that ${said} bytes could be evicted, its rows say ${counted}`]),
    ...(counted <= cacheBytes
      ? []
      : [`${name} keeps ${counted} bytes that could be evicted, and may keep ${cacheBytes}`]),
  ];
}
