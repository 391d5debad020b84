import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VirtualClock } from '../testing/world/virtual-clock.ts';
import { quiet } from './support/engine.ts';
import { type Deed, type RaceFacts, race } from './support/race.ts';
import { runParameters } from './support/runs.ts';
import type { Verdict } from './support/scheduled-remote.ts';

const { numRuns, seed } = runParameters(60);

let clock: VirtualClock | undefined;
/** All that follows from one scheduled thing happens before the next one is drawn. */
const act = async (run: () => Promise<void>): Promise<void> => {
  await run();
  if (clock !== undefined) await quiet(clock);
};

const verbs: readonly Deed['verb'][] = [
  ...(['capture', 'capture', 'remove', 'remove', 'undo', 'replace', 'cancel'] as const),
  ...(['retry', 'pause', 'resume', 'offline', 'online', 'wait', 'wait', 'kill'] as const),
];
const deeds = fc
  .array(
    fc.record({
      verb: fc.constantFrom(...verbs),
      n: fc.nat({ max: 3 }),
      process: fc.nat({ max: 1 }),
    }),
    { maxLength: 10, size: 'max' },
  )
  .map((rest): Deed[] => [{ verb: 'capture', n: 0, process: 0 }, ...rest]);
const script = fc.array(
  fc.constantFrom<Verdict>('ok', 'without_url', 'lost', 'lost', 'refused', 'opened', 'terminal'),
  { maxLength: 5, size: 'max' },
);

/** Races in the order that each schedule draws; the sum of what came up in them. */
function races(processes: 1 | 2, facts: RaceFacts[], lateArrivalMs?: number) {
  return fc.asyncProperty(
    fc.scheduler({ act }),
    deeds,
    script,
    async (scheduler, all, verdicts) => {
      facts.push(
        await race({
          scheduler,
          deeds: all,
          script: verdicts,
          processes,
          onClock: (made) => {
            clock = made;
          },
          ...(lateArrivalMs === undefined ? {} : { lateArrivalMs }),
        }),
      );
    },
  );
}

describe(`commands, answers, timers and the network in any order (${numRuns} runs, seed ${seed})`, () => {
  it.each([1, 2] as const)(
    'leave one object for each attachment, no orphan, and nothing that waits for nobody: %i processes',
    async (processes) => {
      const facts: RaceFacts[] = [];
      await fc.assert(races(processes, facts), { numRuns, seed });
      expect(facts).toHaveLength(numRuns);
      for (const what of ['lateLandings', 'removedObjects', 'uploaded', 'failed'] as const) {
        const sum = facts.reduce((all, one) => all + one[what], 0);
        expect(sum, `${what}, which these races are about`).toBeGreaterThan(0);
      }
    },
    10_000 + 3_000 * numRuns,
  );

  it('would show an orphan if removals did not look again after the longest life of a request', async () => {
    const { failed, errorInstance } = await fc.check(races(1, [], 0), {
      numRuns: 1_500,
      seed,
      endOnFailure: true,
    });
    expect(failed).toBe(true);
    expect(String(errorInstance)).toContain('an orphan at the remote');
  });
});
