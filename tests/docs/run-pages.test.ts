import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { page, pages } from './markdown.ts';
import {
  build,
  missingLines,
  type PageServer,
  programOf,
  runProgram,
  startPageServer,
} from './page-program.ts';

/** The README has a test of its own: its first example needs a file beside it. */
const programs = pages()
  .filter(({ path }) => path !== 'README.md')
  .flatMap((one) => {
    const program = programOf(one);
    return program === undefined ? [] : [{ path: one.path, program }];
  });

let server: PageServer | undefined;

beforeAll(async () => {
  await build();
  server = await startPageServer(page('README.md'));
}, 120_000);

afterAll(() => server?.stop());

describe('each page with code', () => {
  it.each(programs)(
    'runs as it stands: $path',
    async ({ program }) => {
      const { missing, stdout } = await runProgram(program, server?.endpoint ?? '');
      expect({ missing, stdout }).toEqual({ missing: [], stdout });
    },
    90_000,
  );

  it('is found', () => {
    expect(programs.length).toBeGreaterThan(1);
  });
});

describe('what a page says that its program prints', () => {
  it('comes in this order; three dots stand for anything', () => {
    expect(missingLines('a 1\nb 2\n', ['a …', 'b 2'])).toEqual([]);
    expect(missingLines('a 1\nb 2\n', ['b 2', 'a 1'])).toEqual(['a 1']);
    expect(missingLines('a 1\n', ['a', 'a 1 …'])).toEqual(['a', 'a 1 …']);
  });
});
