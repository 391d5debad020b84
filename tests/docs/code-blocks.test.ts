import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { codeBlocks, pages, root } from './markdown.ts';
import { type PageProgram, programOf } from './page-program.ts';

const blocks = pages().flatMap(codeBlocks);
/** What is neither run nor compiled: commands, diagrams, and text that is no code. */
const NO_CODE = ['sh', 'mermaid', 'text', 'json'];
/** Runs where it stands: a page whose files these are has a test of its own. */
const SCRIPTS = ['js'];

it('every code block of the docs says what it is, and is TypeScript or no code at all', () => {
  const known = new Set([...NO_CODE, ...SCRIPTS, 'ts']);
  const strangers = blocks.filter(({ language }) => !known.has(language));
  expect(strangers.map(({ place, language }) => `${place} ${language}`)).toEqual([]);
});

it('scripts stand only where a test runs them', () => {
  const scripts = blocks.filter(({ language }) => SCRIPTS.includes(language));
  const places = new Set(scripts.map(({ place }) => place.split(':')[0]));
  expect([...places]).toEqual(['docs/guides/start.md']);
});

it('the TypeScript of every page compiles under the settings of this project, and wrong code would not', async () => {
  const programs = pages().flatMap((page): PageProgram[] => {
    // The README's blocks are two programs: an app and its server.
    if (page.path === 'README.md') {
      const examples = codeBlocks(page).filter(({ language }) => language === 'ts');
      return examples.map(({ code }) => ({ files: new Map(), main: code, prints: [] }));
    }
    const program = programOf(page);
    return program === undefined ? [] : [program];
  });
  expect(programs.length).toBeGreaterThan(5);
  const wrong = `import { openLading } from 'lading';\nawait openLading({ nonsense: true });\n`;
  const errors = await errorsIn([...programs, { files: new Map(), main: wrong, prints: [] }]);
  const inWrong = (line: string): boolean => line.startsWith(`page-${programs.length}`);
  expect(errors.filter((line) => !inWrong(line))).toEqual([]);
  expect(errors.filter(inWrong).join()).toContain('nonsense');
}, 120_000);

async function errorsIn(programs: readonly PageProgram[]): Promise<readonly string[]> {
  const temporary = join(root, '.tmp');
  await mkdir(temporary, { recursive: true });
  const folder = await mkdtemp(join(temporary, 'docs-'));
  try {
    for (const [n, { files, main }] of programs.entries()) {
      for (const [name, code] of [...files, ['main.ts', `${main}\nexport {};\n`]] as const) {
        const path = join(folder, `page-${n}`, name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, code);
      }
    }
    // An example may declare what it does not use.
    const compilerOptions = { noUnusedLocals: false };
    const settings = { extends: '../../tsconfig.json', compilerOptions, include: ['**/*.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = fileURLToPath(
      new URL('bin/tsc', import.meta.resolve('typescript/package.json')),
    );
    return await promisify(execFile)(process.execPath, [compiler, '-p', '.'], { cwd: folder }).then(
      () => [],
      (error: { readonly stdout: string }) =>
        error.stdout.split('\n').filter((line) => /^page-\d+/.test(line)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
