import { ownerKey } from '../../../machines/attachment/types.ts';
import { owners } from '../app.ts';
import type { Device } from '../device.ts';
import type { World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 3.3, 3.5: the app's rows change in the same commits as the refs, attach included. */
export const appRows: Oracle = {
  name: "the app's rows say what the refs say",
  atRestart: (world, device) => differences(world, device),
  atEnd: (world, devices) => devices.flatMap((device) => differences(world, device)),
};

function differences(world: World, device: Device): readonly string[] {
  const [runner] = device.ready();
  const { sql } = device;
  if (runner === undefined || sql === undefined) return [];
  const problems: string[] = [];
  for (const owner of owners) {
    const row = sql.get('SELECT refs FROM app_row WHERE owner = ?', ownerKey(owner));
    const refs = JSON.stringify(runner.lading.list(owner).map(({ ref }) => ref));
    const stored = String(row?.['refs'] ?? '[]');
    if (stored !== refs) {
      problems.push(`${device.name}: ${owner.field} is ${refs}, the app's row has ${stored}`);
    }
  }
  for (const { mediaId, name, noted, device: author } of world.ledger.files) {
    if (!noted || author !== device.name) continue;
    const note = sql.get('SELECT 1 AS found FROM app_note WHERE media_id = ?', mediaId);
    const stream = sql.get('SELECT 1 AS found FROM lading_stream WHERE stream = ?', mediaId);
    if ((note === undefined) === (stream === undefined)) continue;
    problems.push(
      `${device.name}: ${name} has ${note === undefined ? 'no row' : 'a row'} of the app, and ${stream === undefined ? 'no stream' : 'a stream'}`,
    );
  }
  return problems;
}
