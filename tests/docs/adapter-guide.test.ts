import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { page, root } from './markdown.ts';
import { programOf } from './page-program.ts';

const files =
  programOf(page('docs/guides/write-an-adapter.md'))?.files ?? new Map<string, string>();
const tests = [...files.keys()].filter((name) => name.endsWith('.test.ts'));

await mkdir(join(root, '.tmp'), { recursive: true });
const folder = await mkdtemp(join(root, '.tmp', 'adapter-guide-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
// So that `lading` means the sources here too.
const settings = { extends: '../../tsconfig.json', include: ['*.ts'] };
await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
for (const [name, code] of files) await writeFile(join(folder, name), code);
// The page's own test files: their suites become tests of this one.
for (const name of tests) await import(pathToFileURL(join(folder, name)).href);

it('the guide’s adapters have tests of about twenty lines', () => {
  expect(tests).toEqual(['map-blobs.test.ts', 'browser-network.test.ts']);
  for (const name of tests) expect(files.get(name)?.split('\n').length).toBeLessThan(22);
});
