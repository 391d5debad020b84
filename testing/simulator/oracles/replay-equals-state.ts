import type { Device } from '../device.ts';
import type { World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 9.2: states, tasks, projections and totals are what the log makes of them. */
export const replayEqualsState: Oracle = {
  name: 'a replay of the log gives what is stored',
  atRestart: verify,
  atEnd: async (world, devices) => {
    const found: string[] = [];
    for (const device of devices) found.push(...(await verify(world, device)));
    return found;
  },
};

async function verify(_world: World, device: Device): Promise<readonly string[]> {
  const [runner] = device.ready();
  if (runner === undefined) return [];
  // A crash in the middle is no answer.
  const report = await runner.process.guard(
    runner.lading.verify().catch((error: unknown) => {
      if (runner.closing) return { differences: [] };
      throw error;
    }),
  );
  return report.differences.map(
    ({ stream, kind, message }) => `${device.name}: ${kind} of ${stream ?? 'all'}: ${message}`,
  );
}
