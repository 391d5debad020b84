import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCarrier } from '../../../adapters/remotes/node-carrier/index.ts';
import { isHelper } from '../../../adapters/remotes/node-carrier/process-mark.ts';
import type { RunRecord } from '../../../adapters/remotes/node-carrier/records.ts';
import type { Carrier } from '../../../ports/carrier.ts';
import type { SeededRandom } from '../../../testing/world/seeded-random.ts';

/** Longer than a stall of the network is short: a helper needs a moment to begin. */
const STALL_MS = 2_000;

/** The carrier of a campaign; the judge looks at the same one. */
export function carrierAt(directory: string): Carrier {
  return nodeCarrier({ directory, stallMs: STALL_MS });
}

/** Kills one of the helper processes, as a system short of memory does. @returns whether there was one. */
export async function killHelper(directory: string, random: SeededRandom): Promise<boolean> {
  const names = await readdir(directory).catch(() => []);
  const running = names.filter((name) => name.endsWith('.run')).toSorted();
  if (running.length === 0) return false;
  try {
    const text = await readFile(join(directory, random.pick(running)), 'utf8');
    const record = JSON.parse(text) as RunRecord;
    return (await isHelper(record)) && process.kill(record.pid, 'SIGKILL');
  } catch {
    return false; // it ended meanwhile
  }
}

/** A campaign that broke leaves none behind. */
export async function endHelpers(directory: string): Promise<void> {
  const carrier = carrierAt(directory);
  for (const { id } of await carrier.list()) await carrier.cancel(id);
}
