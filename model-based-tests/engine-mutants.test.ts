import { expect, it } from 'vitest';
import type { Mutant } from './support/engine.ts';
import { mutants } from './support/mutants.ts';
import { type MachinePath, pathsThroughEveryDefinition } from './support/paths.ts';
import { runPath } from './support/run-path.ts';

/** Every second path, the long ones first: enough to notice, and quick. */
const paths = pathsThroughEveryDefinition().paths.filter((_path, index) => index % 2 === 0);

it('the paths of this check pass on the engine as it is', async () => {
  const failures = await Promise.all(paths.slice(0, 5).map((path) => failureOf(path, {})));
  expect(failures).toEqual(failures.map(() => null));
});

it.each(mutants)('the paths notice when $title', async (mutant) => {
  for (const path of paths) {
    const failure = await failureOf(path, mutant);
    if (failure === null) continue;
    expect(failure).toMatch(/^(?:created|step \d+, |restart|verify|from the log)/);
    return;
  }
  expect.unreachable('no path failed: the tests have lost their teeth');
});

/** The first line of what a path has to say; null when it passes. */
async function failureOf(path: MachinePath, mutant: Mutant): Promise<string | null> {
  try {
    await runPath(path, 'overtaken', { mutant });
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
