import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { codeBlocks, pages, root } from './markdown.ts';

const blocks = pages().flatMap(codeBlocks);
/** What is neither run nor compiled: commands, diagrams, and text that is no code. */
const NO_CODE = ['sh', 'mermaid', 'text'];

it('every code block of the docs says what it is, and is TypeScript or no code at all', () => {
  const strangers = blocks.filter(({ language }) => ![...NO_CODE, 'ts'].includes(language));
  expect(strangers.map(({ place, language }) => `${place} ${language}`)).toEqual([]);
});

it('every TypeScript block of the docs compiles under the settings of this project, and a wrong one would not', async () => {
  const examples = blocks.filter(({ language }) => language === 'ts');
  expect(examples.length).toBeGreaterThan(1);
  const wrong = `import { openLading } from 'lading';\nawait openLading({ nonsense: true });\n`;
  const errors = await errorsIn([...examples.map(({ code }) => code), wrong]);
  const inWrong = (line: string): boolean => line.includes(`block-${examples.length}.ts`);
  expect(errors.filter((line) => !inWrong(line))).toEqual([]);
  expect(errors.filter(inWrong).join()).toContain('nonsense');
}, 120_000);

async function errorsIn(codes: readonly string[]): Promise<readonly string[]> {
  const temporary = join(root, '.tmp');
  await mkdir(temporary, { recursive: true });
  const folder = await mkdtemp(join(temporary, 'docs-'));
  try {
    await Promise.all(
      codes.map((code, n) => writeFile(join(folder, `block-${n}.ts`), `${code}\nexport {};\n`)),
    );
    // An example may declare what it does not use.
    const compilerOptions = { noUnusedLocals: false };
    const settings = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = fileURLToPath(
      new URL('bin/tsc', import.meta.resolve('typescript/package.json')),
    );
    return await promisify(execFile)(process.execPath, [compiler, '-p', folder]).then(
      () => [],
      (error: { readonly stdout: string }) =>
        error.stdout.split('\n').filter((line) => /block-\d+\.ts/.test(line)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
