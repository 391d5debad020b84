import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pathsThroughEveryDefinition } from './support/paths.ts';
import { type Course, runPath } from './support/run-path.ts';
import { allDefinitions } from './support/stream-model.ts';

const { paths } = pathsThroughEveryDefinition();
const directory = mkdtempSync(join(tmpdir(), 'lading-paths-'));
const takenBy = new Map<Course, Set<string>>();

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function takenOn(path: (typeof paths)[number], course: Course): Promise<Set<string>> {
  const file = join(directory, `${course}-${paths.indexOf(path)}.db`);
  const { taken } = await runPath(path, course, course === 'steady' ? {} : { file });
  takenBy.set(course, new Set([...(takenBy.get(course) ?? []), ...taken]));
  return new Set(taken);
}

const courses: readonly { readonly course: Course; readonly title: string }[] = [
  { course: 'steady', title: 'in one go' },
  { course: 'closed', title: 'with the app closed and opened after every step' },
  { course: 'killed', title: 'with the process killed after every step' },
  { course: 'overtaken', title: 'with another process that takes over after every step' },
];

describe.each(courses)('the real engine on every path, $title', ({ course }) => {
  it.each(paths)('$name', async (path) => {
    const taken = await takenOn(path, course);
    expect(path.covers.filter((id) => !taken.has(id))).toEqual([]);
  });

  it('took every transition definition itself, guard branches included', () => {
    const taken = takenBy.get(course);
    expect(allDefinitions.filter((id) => taken?.has(id) !== true)).toEqual([]);
  });
});
