import type { Device } from '../device.ts';
import { blobsOf, count, mediaOf } from '../rows.ts';
import type { World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 7: no commit takes the device over what its app allows, and what was refused for it left nothing. */
export const withinBudget: Oracle = {
  name: 'attachments keep to their budget',
  always: (world, device) => overBudget(world, device),
  atRestart: (world, device) => overBudget(world, device),
  atEnd: (world, devices) =>
    devices.flatMap((device) => [...overBudget(world, device), ...leftByRefused(world, device)]),
};

function overBudget({ scenario }: World, { name, sql }: Device): readonly string[] {
  const { budgetBytes } = scenario;
  if (budgetBytes === undefined || sql === undefined) return [];
  const isMade = sql.get(`SELECT 1 AS found FROM sqlite_schema WHERE name = 'lading_media'`);
  if (isMade === undefined) return [];
  const query = `SELECT coalesce(sum(byte_size), 0) AS n
    FROM (SELECT DISTINCT blob_key, byte_size FROM lading_media WHERE has_bytes = 1)`;
  const usedBytes = count(sql, query);
  return usedBytes <= budgetBytes
    ? []
    : [`${name} holds ${usedBytes} bytes, and may hold ${budgetBytes}`];
}

function leftByRefused(world: World, device: Device): readonly string[] {
  const known = new Set(mediaOf(device).map(({ mediaId }) => mediaId));
  const keys = [...blobsOf(device).keys()];
  return world.ledger.files
    .filter(({ refusedWith = '' }) => refusedWith.startsWith('storage_'))
    .filter(({ mediaId }) => known.has(mediaId) || keys.some((key) => key.includes(mediaId)))
    .map(({ name }) => `${name} was refused for want of room, and is on ${device.name}`);
}
