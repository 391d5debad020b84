import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles } from '../architecture/source-files.ts';
import { page, root, tableRows } from './markdown.ts';
import { quoted, testTitles } from './test-titles.ts';

interface Link {
  readonly title: string;
  /** Relative to the root. */
  readonly path: string;
}

const SPEC = 'docs/spec/feature_spec.md';
const EDGES = 'docs/spec/edge-cases.md';

/** The tests that a text names: `[title](../../tests/….test.ts)`. */
function testLinks(text: string, from: string): readonly Link[] {
  return [...text.matchAll(/\[([^\]]+)\]\(([^)\s]+\.ts)\)/g)].map(
    ([, title = '', target = '']) => ({
      title: title.replaceAll(/\s+/g, ' '),
      path: posix.join(posix.dirname(from), target),
    }),
  );
}

const known = new Map<string, ReadonlySet<string>>();

/** What a link says that is not so. */
function lie({ title, path }: Link): readonly string[] {
  if (!existsSync(join(root, path))) return [`${path} is not there`];
  const titles = known.get(path) ?? testTitles(path);
  known.set(path, titles);
  return titles.has(title) ? [] : [`${path} has no test "${title}"`];
}

/** Each part of the contract with a text of its own, by its number. */
const clauses = page(SPEC)
  .text.split(/^##+ (?=\d)/m)
  .slice(1)
  .filter((part) => part.trim().includes('\n'))
  .map((part) => ({
    number: /^\d+(?:\.\d+)?/.exec(part)?.[0] ?? '',
    stands: /^\*\*0\.1: (\w+)/m.exec(part)?.[1] ?? '',
    links: testLinks(part.split(/^Shown by:$/m)[1] ?? '', SPEC),
  }));

describe('docs/spec/feature_spec.md', () => {
  it('names one to five tests for each clause that is met, in part or in full', () => {
    const built = clauses.filter(({ stands }) => stands !== 'later');
    expect(built.length).toBeGreaterThan(35);
    const wrong = built.filter(({ links }) => links.length < 1 || links.length > 5);
    expect(wrong.map(({ number }) => number)).toEqual([]);
  });

  it('names no test for what comes later', () => {
    const later = clauses.filter(({ stands, links }) => stands === 'later' && links.length > 0);
    expect(later.map(({ number }) => number)).toEqual([]);
  });

  it('names tests that are there, by their titles', () => {
    expect(clauses.flatMap(({ links }) => links.flatMap(lie))).toEqual([]);
  });
});

describe('docs/spec/edge-cases.md', () => {
  const rows = tableRows(page(EDGES).text).filter(([number]) => number !== '#');
  const numbers = rows.map(([number]) => number ?? '');
  const count = (prefix: string, last: number): readonly string[] =>
    Array.from({ length: last }, (_, index) => `${prefix}${index + 1}`);

  it('has a row for every field case, definition, required test and defect of a predecessor', () => {
    expect(numbers).toEqual([
      ...count('', 70),
      ...count('D', 11),
      ...count('T', 8),
      ...count('', 26),
      ...count('W', 11),
    ]);
  });

  it('says in each row what is done, and where that is shown, who answers it, or that it comes later', () => {
    const silent = rows.filter(
      (cells) =>
        cells.length !== 4 ||
        cells.some((cell) => cell === '') ||
        !(
          testLinks(cells[3] ?? '', EDGES).length > 0 ||
          /^(?:later|your app|none)\b/.test(cells[3] ?? '')
        ),
    );
    expect(silent.map(([number, name]) => `${number} ${name}`)).toEqual([]);
  });

  it('names tests that are there, by their titles', () => {
    const links = testLinks(page(EDGES).text, EDGES);
    expect(links.length).toBeGreaterThan(90);
    expect(links.flatMap(lie)).toEqual([]);
  });
});

describe('titles of tests', () => {
  it('cite clauses of the contract that there are', () => {
    const numbers = new Set(
      [...page(SPEC).text.matchAll(/^##+ (\d+(?:\.\d+)?) · /gm)].map(([, number]) => number),
    );
    const strangers = listFiles()
      .filter((path) => path.endsWith('.test.ts'))
      .flatMap((path) =>
        [...testTitles(path)].flatMap((title) =>
          [...title.matchAll(/\bcontract ((?:\d+(?:\.\d+)?(?:, | and )?)+)/g)].flatMap(
            ([, list = '']) =>
              (list.match(/\d+(?:\.\d+)?/g) ?? [])
                .filter((number) => !numbers.has(number))
                .map((number) => `${number} in ${path}: ${title}`),
          ),
        ),
      );
    expect(strangers).toEqual([]);
  });

  it('are found in every form, and a lie is noticed', () => {
    expect(quoted('takes $\u007bmax} of %s, $driver.name')).toBe('takes … of …, …');
    const here = 'tests/docs/spec-links.test.ts';
    expect(lie({ title: 'are found in every form, and a lie is noticed', path: here })).toEqual([]);
    expect(lie({ title: 'nobody wrote this one', path: here })).toHaveLength(1);
    expect(
      lie({ title: 'nobody wrote this one', path: 'tests/docs/nowhere.test.ts' }),
    ).toHaveLength(1);
    expect(testTitles('tests/unit/attachment-backoff.test.ts')).toContain(
      'is a whole number within the cap, whatever the failures and the chance',
    );
  });
});
