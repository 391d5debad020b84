import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mutant } from './support/engine.ts';
import { mutants } from './support/mutants.ts';
import { runParameters } from './support/runs.ts';
import { walks } from './support/walk-commands.ts';
import type { WalkCommand } from './support/walk-steps.ts';
import { newModel, newWorld, type WalkWorld } from './support/walk-world.ts';

const { numRuns, seed } = runParameters(40);

describe(`random walks over several attachments and two owners (${numRuns} runs, seed ${seed})`, () => {
  it(
    'agree with the pure machine of each stream and with plain lists, restarts included',
    async () => {
      let finished = 0;
      const property = fc.asyncProperty(walks(60), async (commands) => {
        await walk(commands, {});
        finished += 1;
      });
      await fc.assert(property, { numRuns, seed });
      expect(finished).toBe(numRuns);
    },
    10_000 + 3_000 * numRuns,
  );

  /** What these walks cannot see: in one process nobody else fires a timer, and nobody answers late. */
  const unseen = ['fence', 'fired elsewhere', 'not told'];
  const seen = mutants.filter(({ title }) => !unseen.some((word) => title.includes(word)));

  it.each(seen)('notice when $title', async (mutant) => {
    const property = fc.asyncProperty(walks(60), (commands) => walk(commands, mutant));
    const { failed } = await fc.check(property, { numRuns: 40, seed, endOnFailure: true });
    expect(failed).toBe(true);
  });
});

async function walk(commands: Iterable<WalkCommand>, mutant: Mutant): Promise<void> {
  const worlds: WalkWorld[] = [];
  try {
    await fc.asyncModelRun(async () => {
      const real = await newWorld(mutant);
      worlds.push(real);
      return { model: newModel(), real };
    }, commands);
  } finally {
    for (const { on } of worlds) on.close();
  }
}
