import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from 'lading/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bug } from '../support/engine-chaos/bugs.ts';
import { runCampaign } from '../support/engine-chaos/campaign.ts';
import { liveChain } from '../support/engine-chaos/chain.ts';
import type { Fate } from '../support/engine-chaos/life.ts';

/** Random kills here; `npm run kill` takes 300 and more. */
const RANDOM_KILLS = 30;
const SEED = 20_261_122;
const SMALL = [20_000, 60_000] as const;
const LARGE = [1_800_000, 2_000_000] as const;

describe('the whole engine on real parts, killed without warning', () => {
  it('loses nothing acknowledged, doubles nothing and finishes by itself, wherever the kill fell (contract 3.2, 4.1, 4.2, 5.2, 9.2)', {
    timeout: 300_000,
  }, async () => {
    const report = await runCampaign({
      seed: SEED,
      randomKills: RANDOM_KILLS,
      serverKills: 0.05,
    });
    expect(report.problems).toEqual([]);
    expect(report.neverReached).toEqual([]);
    expect(report.kinds.time).toBeGreaterThanOrEqual(RANDOM_KILLS);
  });
});

describe('the judge of killed engines', () => {
  let compileCache: string;

  beforeAll(async () => {
    compileCache = await mkdtemp(join(tmpdir(), 'lading-kill-cache-'));
  });
  afterAll(async () => {
    await rm(compileCache, { recursive: true, force: true });
  });

  it('sees an acknowledgement that came before the commit', async () => {
    expect(await judged('acknowledges_early', [at('disk.appended')])).toContainEqual(
      expect.stringMatching(/capture of .* was acknowledged and is not there/),
    );
  });

  it('sees an app row that was not rewritten with its ref (contract 3.3)', async () => {
    expect(await judged('forgets_the_app_row', [])).toContainEqual(
      expect.stringMatching(/the app's row of .* is .*offline:.* and not .*http:/),
    );
  });

  it('sees bytes that were sent twice (contract 4.1)', async () => {
    expect(await judged('sends_all_again', [at('upload.last_byte')], LARGE)).toContainEqual(
      expect.stringMatching(/bytes handed over in \d runs/),
    );
  });

  it('sees a blob that is not what was captured', async () => {
    expect(await judged('spoils_blobs', [at('upload.begun')])).toContainEqual(
      expect.stringMatching(/has other bytes/),
    );
  });

  it('sees a second object of one attachment (contract 4.2)', async () => {
    expect(await judged('uploads_twice', [])).toContainEqual(
      expect.stringMatching(/without a claim|too much/),
    );
  });

  function at(point: Extract<Fate, { kind: 'point' }>['at']['point'], nth = 1): Fate {
    return { kind: 'point', at: { point, nth } };
  }

  async function judged(
    bug: Bug,
    fates: readonly Fate[],
    sizes: readonly [number, number] = SMALL,
  ): Promise<readonly string[]> {
    const report = await liveChain(
      {
        name: bug,
        random: seededRandom(SEED),
        sizes: { photoBytes: sizes, largeBytes: sizes },
        paceMs: 0,
        compileCache,
        bug,
      },
      fates,
    );
    return report.problems;
  }
});
