import { describe, expect, it } from 'vitest';
import { runCampaign } from '../support/engine-chaos/campaign.ts';
import { pointsOf } from '../support/engine-chaos/points.ts';

/** `npm run kill -- --driver NAME` kills at all points, three times each. */
const RANDOM_KILLS = 3;
/**
 * Every point once that a database can make a difference at. better-sqlite3 writes the files that node:sqlite does, which
 * engine-kill.test.ts kills at all points: every second one, unless `LADING_RUNS=3`.
 */
const isWhole = Number(process.env['LADING_RUNS'] ?? '1') >= 3;

describe.each(['better-sqlite3', 'sql.js'] as const)(
  'the whole engine on real parts and %s, killed without warning',
  (driver) => {
    it('loses nothing acknowledged, doubles nothing and finishes by itself, wherever the kill fell (contract 3.2, 4.1, 4.2, 5.2, 9.2)', {
      timeout: 900_000,
    }, async () => {
      // Between two messages of HTTP the database is at rest: engine-kill.test.ts has those.
      const points = pointsOf(driver)
        .filter((point) => !point.startsWith('http.'))
        .filter((_point, n) => isWhole || driver === 'sql.js' || n % 2 === 0);
      const report = await runCampaign({
        seed: 20_261_122,
        driver,
        points,
        randomKills: RANDOM_KILLS,
      });
      expect(report.problems).toEqual([]);
      expect(report.neverReached).toEqual([]);
      expect(report.kinds.time).toBeGreaterThan(0);
    });
  },
);
