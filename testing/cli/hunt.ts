import { type PlantedBug, plantedBugs, simulate } from '../simulator/index.ts';

/** How a planted bug was found. */
export interface Hunt {
  /** Seeds that it took, or undefined when none of them noticed. */
  readonly seeds: number | undefined;
  /** The oracle that noticed first. */
  readonly oracle: string | undefined;
}

/** Runs seeds with a planted bug until an oracle notices. */
export async function hunt(bug: PlantedBug, mostSeeds: number): Promise<Hunt> {
  for (let seed = 1; seed <= mostSeeds; seed++) {
    const { failures } = await simulate(seed, bug);
    if (failures[0] !== undefined) return { seeds: seed, oracle: failures[0].oracle };
  }
  return { seeds: undefined, oracle: undefined };
}

/** Prints a line for each planted bug; true when all were found. */
export async function huntAll(mostSeeds: number): Promise<boolean> {
  let missed = 0;
  for (const bug of plantedBugs) {
    const { seeds, oracle } = await hunt(bug, mostSeeds);
    if (seeds === undefined) missed += 1;
    const found = seeds === undefined ? 'NOT FOUND' : `found by seed ${seeds}: ${oracle}`;
    console.log(`${bug.name.padEnd(24)} ${found}`);
  }
  return missed === 0;
}
