import { owners } from '../app.ts';
import type { Device } from '../device.ts';
import { type FileRecord, isStoredFormOf } from '../ledger.ts';
import { count } from '../rows.ts';
import { keyOf, type World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 1, 3.6: on every device, every ref leads to the bytes that were captured. */
export const refsResolve: Oracle = {
  name: 'every ref leads to its bytes',
  atEnd: async (world, devices) => {
    const found: string[] = [];
    for (const device of devices) found.push(...(await unreadable(world, device)));
    return found;
  },
};

async function unreadable(world: World, device: Device): Promise<readonly string[]> {
  const [runner] = device.ready();
  if (runner === undefined) return [];
  const problems: string[] = [];
  for (const owner of owners) {
    for (const { ref } of runner.lading.list(owner)) {
      const file = world.ledger.find(ref.mediaId);
      // One that may never be uploaded is its author's alone.
      const isHidden = world.forbidden.has(keyOf(ref.mediaId)) && file?.device !== device.name;
      if (isHidden) continue;
      try {
        const resolved = await runner.lading.resolve(ref);
        const pieces: Uint8Array[] = [];
        for await (const piece of resolved.open()) pieces.push(piece);
        const bytes = Buffer.concat(pieces);
        const isRight = file !== undefined && isStoredFormOf(file, bytes);
        if (!isRight) problems.push(`other bytes of ${file?.name}`);
      } catch (error) {
        if (isFullFor(file, world, device) && String(error).includes('storage_full')) continue;
        problems.push(`${file?.name} on ${device.name}: ${String(error)}`);
      }
    }
  }
  return problems;
}

/** Its bytes would take the device over the budget (contract 7): then they are not fetched. */
function isFullFor(file: FileRecord | undefined, { scenario }: World, device: Device): boolean {
  const { budgetBytes } = scenario;
  if (file === undefined || budgetBytes === undefined) return false;
  // Of all accounts on the device.
  const usedBytes =
    device.sql === undefined
      ? 0
      : count(device.sql, 'SELECT sum(byte_size) AS n FROM lading_media WHERE has_bytes = 1');
  return usedBytes + file.bytes.byteLength > budgetBytes;
}
