import { describe, expect, it } from 'vitest';
import { runCampaign } from '../support/engine-chaos/campaign.ts';

/** Random kills here; `npm run kill` takes 300 and more. */
const RANDOM_KILLS = 30;
const SEED = 20_261_122;

describe('the whole engine on real parts, killed without warning', () => {
  it('loses nothing acknowledged, doubles nothing and finishes by itself, wherever the kill fell (contract 3.2, 4.1, 4.2, 5.2, 9.2)', {
    timeout: 300_000,
  }, async () => {
    const report = await runCampaign({ seed: SEED, randomKills: RANDOM_KILLS });
    expect(report.problems).toEqual([]);
    expect(report.neverReached).toEqual([]);
    expect(report.kinds.time).toBeGreaterThanOrEqual(RANDOM_KILLS);
  });
});
