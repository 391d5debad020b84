import { openNodeSqlite } from 'lading/sqlite/node';
import { afterAll, describe, expect, it } from 'vitest';
import { type CleanupCourse, type PlaceRun, runPlace } from './cleanup-matrix.ts';
import { cleanupPlaces, type Place } from './cleanup-places.ts';
import { triggers } from './cleanup-triggers.ts';

const { places, definitions } = cleanupPlaces();
const courses: readonly CleanupCourse[] = ['steady', 'closed', 'killed'];
/** Runs every place on every course; else each place on one of them. */
const isWhole = Number(process.env['LADING_RUNS'] ?? '1') >= courses.length;

/** The tests of one half of the places: two test files run at the same time. */
export function cleanupMatrix(half: 0 | 1): void {
  const wanted = places
    .map((place, index) => ({ place, index }))
    .filter(({ index }) => index % 2 === half)
    .flatMap(({ place, index }) =>
      courses
        .filter((_course, n) => isWhole || n === (index >> 1) % courses.length)
        .map((course) => ({ title: place.title, course, place })),
    );
  const runs: { readonly place: Place; readonly run: PlaceRun }[] = [];

  describe('every cleanup trigger at every place of the machine, until nothing is left to do', () => {
    it.each(wanted)(
      '$title ($course)',
      async ({ place, course }) => {
        const run = await runPlace(place, course, { store: openNodeSqlite(':memory:') });
        runs.push({ place, run });
        expect(run.failures).toEqual([]);
      },
      120_000,
    );

    it('left out no place, and met no step that no trigger came after', () => {
      const met = new Set(runs.flatMap(({ place: { after } }) => after));
      const mine = places.filter((_place, index) => index % 2 === half);
      expect(runs).toHaveLength(wanted.length);
      expect(mine.flatMap(({ after }) => after).filter((id) => !met.has(id))).toEqual([]);
      // Both halves together have all of them.
      const all = new Set(places.flatMap(({ after }) => after));
      expect(definitions.filter((id) => !all.has(id))).toEqual([]);
    });

    it('heard of services that succeeded after their run was stopped', () => {
      const late = new Set(runs.flatMap(({ run }) => run.late));
      // No trigger stops what removes an object, or purges: those run to their end.
      expect([...late].toSorted()).toEqual(['attach', 'download', 'evict', 'upload']);
    });

    afterAll(() => {
      const sum = (of: (run: PlaceRun) => number): number =>
        runs.reduce((total, { run }) => total + of(run), 0);
      console.log(
        `${sum(({ cells }) => cells)} cells: ${triggers.length} triggers at ${runs.length} places, ${sum(({ restarts }) => restarts)} restarts; ${definitions.length} transition definitions`,
      );
    });
  });
}
