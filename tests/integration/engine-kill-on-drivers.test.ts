import { describe, expect, it } from 'vitest';
import { runCampaign } from '../support/engine-chaos/campaign.ts';

/** Every named point once; `npm run kill -- --driver NAME` takes 300 random kills and three of each point. */
const RANDOM_KILLS = 4;

describe.each(['better-sqlite3', 'sql.js'] as const)(
  'the whole engine on real parts and %s, killed without warning',
  (driver) => {
    it('loses nothing acknowledged, doubles nothing and finishes by itself, wherever the kill fell (contract 3.2, 4.1, 4.2, 5.2, 9.2)', {
      timeout: 600_000,
    }, async () => {
      const report = await runCampaign({ seed: 20_261_122, driver, randomKills: RANDOM_KILLS });
      expect(report.problems).toEqual([]);
      expect(report.neverReached).toEqual([]);
      expect(report.kinds.time).toBeGreaterThan(0);
    });
  },
);
