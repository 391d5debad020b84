import { countSyncs, livePowerCut, type SimulatedParts } from '../simulator/index.ts';
import { printReport, seedReport } from './seed-report.ts';

/** Cuts the power before and after every sync of the fixed life; true when every oracle was content each time. */
export async function cutEverywhere(parts: SimulatedParts): Promise<boolean> {
  const syncs = await countSyncs(parts);
  let failed = 0;
  for (let sync = 1; sync <= syncs; sync++) {
    for (const when of ['before', 'after'] as const) {
      const result = seedReport(await livePowerCut({ sync, when }, parts));
      if (result.failures.length === 0) continue;
      failed += 1;
      console.log(`the power went ${when} sync ${sync}:`);
      printReport(result, false);
    }
  }
  console.log(`${syncs} syncs, the power cut before and after each: ${failed} failed`);
  return failed === 0;
}
