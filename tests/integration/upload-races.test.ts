import { afterAll, describe, expect, it } from 'vitest';
import { type RaceReport, raceMoments, raceTriggers, runRaces } from '../support/upload-races.ts';

/** `LADING_RUNS=10` runs 1,000 interleavings against each server; `LADING_SEED` sets the first seed. */
const RUNS = Number(process.env['LADING_RUNS'] ?? '1');
const FIRST = Number(process.env['LADING_SEED'] ?? '1');
const AT_ONCE = 50;

const servers = [
  { name: 'a tus server with our hooks', stock: false, batches: 2 * RUNS },
  { name: 'a stock tus server', stock: true, batches: RUNS },
] as const;

describe.each(servers)(
  'deleting and replacing during an upload to $name, with its requests and replies delayed past the removal',
  ({ stock, batches, name }) => {
    const reports: RaceReport[] = [];
    const seeds = Array.from({ length: Math.ceil(batches) }, (_, n) => FIRST + n);

    it.each(seeds)(
      'brings nothing back, and leaves exactly the objects of live refs: seed %i',
      async (seed) => {
        const report = await runRaces(seed, { races: AT_ONCE, stock });
        reports.push(report);
        expect(report.failures).toEqual([]);
      },
      60_000,
    );

    it('met every trigger at every moment', () => {
      const met = new Set(reports.flatMap(({ met: pairs }) => [...pairs]));
      const wanted = [...raceTriggers, ...raceMoments];
      expect(wanted.filter((one) => ![...met].some((pair) => pair.includes(one)))).toEqual([]);
    });

    it.runIf(!stock)('left no upload that nobody knows', () => {
      expect(reports.map(({ unknowable }) => unknowable)).toEqual(reports.map(() => 0));
    });

    afterAll(() => {
      const sum = (of: (report: RaceReport) => number): number =>
        reports.reduce((total, report) => total + of(report), 0);
      const unknowable = sum((report) => report.unknowable);
      console.log(
        `${name}: ${sum((report) => report.races)} races from seed ${FIRST}; empty uploads whose creation nobody heard of: ${unknowable}`,
      );
    });
  },
);
