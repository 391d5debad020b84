import { openNodeSqlite } from 'lading/sqlite/node';
import { expect, it } from 'vitest';
import { runPlace } from './support/cleanup-matrix.ts';
import { cleanupMutants } from './support/cleanup-mutants.ts';
import { cleanupPlaces } from './support/cleanup-places.ts';
import { triggers } from './support/cleanup-triggers.ts';
import type { CleanupMutant } from './support/cleanup-world.ts';

const { places } = cleanupPlaces();

function run(trigger: string, title = 'linked / uploading / present', mutant?: CleanupMutant) {
  const place = places.find((one) => one.title === title);
  if (place === undefined) throw new Error(`there is no place ${title}`);
  const which = triggers.filter(({ name }) => name === trigger);
  if (which.length === 0) throw new Error(`there is no trigger ${trigger}`);
  const options = { store: openNodeSqlite(':memory:'), which };
  return runPlace(place, 'steady', mutant === undefined ? options : { ...options, mutant });
}

it('the cells that look for mutants are green on the engine as it is', async () => {
  for (const { trigger, place } of cleanupMutants) {
    expect((await run(trigger, place)).failures).toEqual([]);
  }
}, 60_000);

it.each(cleanupMutants)('the matrix notices when $title', async (mutant) => {
  const { failures } = await run(mutant.trigger, mutant.place, mutant);
  expect(failures).not.toEqual([]);
});
