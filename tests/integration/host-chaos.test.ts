import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { trial } from '../support/host-chaos/trial.ts';
import { inFolder } from '../support/store-world.ts';

/** `LADING_CHAOS_KILLS=300 LADING_CHAOS_SEED=7` for more; CI runs few. */
const KILLS = Number(process.env['LADING_CHAOS_KILLS'] ?? 6);
const SEED = process.env['LADING_CHAOS_SEED'] ?? '1';

/** Every how many occurrences of a point the next process dies: 1 is every one, and slow. */
const STRIDE = Number(process.env['LADING_CHAOS_STRIDE'] ?? 3);

/** Points that are passed often, and those that are not. */
const FREQUENT = ['decided', 'committing', 'committed', 'effects_started'];
const RARE = ['service_settled', 'timer_due', 'claimed'];

describe('a process that is killed (SIGKILL) on a real file', () => {
  it('passes every named point when it lives, and ends with nothing left', () =>
    inFolder(async (folder) => {
      const { wrong, points } = await trial(join(folder, 'a.db'), () => ({}));
      expect(wrong).toEqual([]);
      for (const label of [...FREQUENT, 'service_settled', 'timer_due']) {
        expect([label, (points.get(label) ?? 0) > 0]).toEqual([label, true]);
      }
    }));

  // Each process gets further than the one before it, so that all of them together come to an end.
  const plans = [
    ...FREQUENT.map((label, index) => ({ label, first: 1 + (index % STRIDE), stride: STRIDE })),
    ...RARE.map((label) => ({ label, first: 1, stride: 1 })),
  ];
  it.concurrent.each(plans)(
    'at $label, later in every next process, loses nothing it had acknowledged',
    { timeout: 90_000 },
    ({ label, first, stride }) =>
      inFolder(async (folder) => {
        const verdict = await trial(join(folder, 'a.db'), (round) => ({
          // The first start has no waiting task to claim; only a restart does.
          at:
            label === 'claimed' && round === 0
              ? { label: 'committed', occurrence: 6 }
              : { label, occurrence: first + stride * (label === 'claimed' ? round - 1 : round) },
        }));
        expect(verdict.wrong).toEqual([]);
        expect(verdict.kills).toBeGreaterThan(label === 'claimed' ? 1 : 0);
      }),
  );

  it('at random moments loses nothing either', { timeout: 60_000 + KILLS * 2_000 }, () =>
    inFolder(async (folder) => {
      const random = seededRandom(SEED);
      let kills = 0;
      for (let index = 0; kills < KILLS; index++) {
        const verdict = await trial(join(folder, `${index}.db`), (round) => ({
          killAfterMs: round < 4 ? random.int(120, 420) : undefined,
        }));
        expect(verdict.wrong, `seed ${SEED}, trial ${index}`).toEqual([]);
        kills += Math.max(1, verdict.kills);
      }
      expect(kills).toBeGreaterThanOrEqual(KILLS);
    }),
  );
});
