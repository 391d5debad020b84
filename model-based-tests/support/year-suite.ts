import { simulateYear } from 'lading/testing';
import { describe, expect, it } from 'vitest';

/** Captures in each year; `npm run year` lives those of 20,000. */
const ATTACHMENTS = Number(process.env['LADING_YEAR_ATTACHMENTS'] ?? 1_000);

/** All ten years; else six of them, as many as a test run has time for. */
export const isWhole = Number(process.env['LADING_RUNS'] ?? '1') >= 3;

/** Whole years, and what is left of them. */
export function yearSuite(seeds: readonly number[]): void {
  describe(`a year of ${ATTACHMENTS} attachments on two devices`, () => {
    for (const seed of seeds) {
      it(`leaves exactly what is needed, on the devices and at the remote: seed ${seed}`, async () => {
        const year = await simulateYear(seed, {}, { attachments: ATTACHMENTS });
        const { failures } = year;
        const replay = `npm run year -- --from ${seed} --seeds 1 --attachments ${ATTACHMENTS} --verbose`;
        expect({ seed, failures, replay }).toMatchObject({ failures: [] });
        // A year in which nothing happens proves nothing.
        expect(year.attachments).toBeGreaterThan(ATTACHMENTS * 0.6);
        expect(year.removes).toBeGreaterThan(ATTACHMENTS * 0.1);
        expect(year.powerCuts).toBeGreaterThan(20);
        expect(year.files).toBeGreaterThan(0);
        expect(year.objects).toBeGreaterThan(ATTACHMENTS * 0.3);
      }, 900_000);
    }
  });
}
