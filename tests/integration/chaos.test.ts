import { describe, expect, it } from 'vitest';
import { type ChaosOptions, runChaos } from '../support/chaos/campaign.ts';
import { storeNames } from '../support/chaos/stores/store.ts';
import { rgw } from '../support/rgw-world.ts';

/** `npm run chaos` takes 500 files and ten kills; `LADING_SEED` begins elsewhere. */
const SEED = Number(process.env['LADING_SEED'] ?? '1');
const SHORT = { seed: SEED, files: 40, kills: 2, stops: 1, processes: 2 } as const;

describe('two processes on one database, killed, on a network in which everything goes wrong', () => {
  for (const store of storeNames) {
    // Left out where radosgw is not installed: tests/support/rgw/setup.ts says how to have it.
    it.skipIf(store === 's3' && rgw === null)(
      `bring every file to the remote once and whole, by ${store}, and every ref to the backend (contract 4.2, 4.3)`,
      async () => {
        const report = await runChaos({
          ...SHORT,
          store,
          ...(rgw === null ? {} : { radosgw: rgw }),
        });
        console.log(
          `${store}, seed ${SEED}: ${report.network}; runs: ${report.runs.join(' and ')}`,
        );
        expect(report.problems).toEqual([]);
        const all = { objects: 40, refs: 40, duplicates: 0, lost: 0, unfinished: 0 };
        expect(report).toMatchObject({ ...all, kills: 2, lives: 2 + 2, stops: 1 });
        expect(report.runs.filter((runs) => runs > 0)).toHaveLength(2);
      },
      120_000,
    );
  }
});

describe('two processes on one database whose files helper processes carry, some of which are killed too', () => {
  for (const store of ['http', 's3'] as const) {
    it.skipIf(store === 's3' && rgw === null)(
      `bring every file to the remote once and whole, by ${store}: nothing is carried any more, and no result is left`,
      async () => {
        const few = { seed: SEED, files: 15, kills: 2, stops: 1, processes: 2, carried: true };
        const access = rgw === null ? {} : { radosgw: rgw };
        const report = await runChaos({ ...few, store, ...access });
        console.log(`${store}: ${report.network}; ${report.helperKills} helpers killed`);
        expect(report.problems).toEqual([]);
        expect(report).toMatchObject({ objects: 15, refs: 15, duplicates: 0, lost: 0, kills: 2 });
        expect(report).toMatchObject({ lives: 2 + 2, helperKills: 1, stops: 1 });
      },
      120_000,
    );
  }
});

describe('the judge of that', () => {
  it('sees a second object of one file (contract 4.2)', async () => {
    expect(await judged({ bug: 'uploads_twice' })).toMatchObject({
      problems: expect.arrayContaining([expect.stringMatching(/no object of ours/)]),
    });
  }, 60_000);

  it("sees an app's row that does not follow its refs (contract 3.3)", async () => {
    expect(await judged({ bug: 'forgets_the_app_row' })).toMatchObject({
      problems: expect.arrayContaining([expect.stringMatching(/the refs of 6 files: /)]),
    });
  }, 60_000);

  function judged(options: Pick<ChaosOptions, 'bug'>) {
    const few = { seed: SEED, files: 6, kills: 0, stops: 0, processes: 1, chance: 0 };
    return runChaos({ ...few, ...options, store: 'tus' });
  }
});
