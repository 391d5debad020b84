import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles } from '../architecture/source-files.ts';
import { type Page, page, pages, root } from './markdown.ts';

const NUMBER = String.raw`\d+(?:\.\d+)?`;
const LIST = `(${NUMBER}(?:(?:, | and | or | to |–)${NUMBER})*)`;

/** All that people read and that may cite: pages, and code with its comments as one line each. */
const texts: readonly Page[] = [
  ...pages(),
  ...listFiles().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
].map(({ path, text }) => ({ path, text: text.replaceAll(/\s*\n\s*(?:\/\/|\*(?!\/))?\s*/g, ' ') }));

/** Every number that is cited after `word`, with the file that cites it. */
function cited(
  word: string,
  within: readonly Page[] = texts,
): readonly (readonly [string, string])[] {
  const citation = new RegExp(String.raw`\b${word} ${LIST}`, 'gi');
  return within.flatMap(({ path, text }) =>
    [...text.matchAll(citation)].flatMap(({ 1: list = '' }) =>
      (list.match(new RegExp(NUMBER, 'g')) ?? []).map((number) => [number, path] as const),
    ),
  );
}

function strangers(
  citations: readonly (readonly [string, string])[],
  known: ReadonlySet<string | undefined>,
): readonly string[] {
  return citations.filter(([number]) => !known.has(number)).map((pair) => pair.join(' in '));
}

function headings(path: string): ReadonlySet<string | undefined> {
  const found = page(path).text.matchAll(new RegExp(`^##+ (${NUMBER}) · `, 'gm'));
  return new Set([...found].map(([, number]) => number));
}

describe('citations', () => {
  const clauses = headings('docs/spec/feature_spec.md');
  const cases = [
    ...page('docs/spec/field-cases.md').text.matchAll(/^\| (\d+) \| .+ \| .+ \|$/gm),
  ].map(([, number]) => number);

  it('of the contract lead to a clause of docs/spec/feature_spec.md', () => {
    const citations = cited('contract');
    expect(citations.length).toBeGreaterThan(300);
    expect(strangers(citations, clauses)).toEqual([]);
  });

  it('of field cases lead to a row of docs/spec/field-cases.md, which counts from 1 to 70', () => {
    expect(cases).toEqual(Array.from({ length: 70 }, (_, index) => String(index + 1)));
    const citations = cited('field cases?');
    expect(citations.length).toBeGreaterThan(80);
    expect(strangers(citations, new Set(cases))).toEqual([]);
  });

  it('of the design lead to a part of docs/architecture.md', () => {
    const citations = cited('design');
    expect(citations.length).toBeGreaterThan(10);
    expect(strangers(citations, headings('docs/architecture.md'))).toEqual([]);
  });

  it('of numbers that are nowhere would be found, also after a line break and in a list', () => {
    const text = '(con\u0074ract 4.2, 4.99 and 11) con\u0074ract 5.2';
    const found = strangers(cited('contract', [{ path: 'x.ts', text }]), clauses);
    expect(found).toEqual(['4.99 in x.ts', '11 in x.ts']);
  });
});

describe('docs/spec/feature_spec.md', () => {
  it('says for each clause where 0.1 stands', () => {
    const parts = page('docs/spec/feature_spec.md')
      .text.split(/^##+ (?=\d)/m)
      .slice(1);
    // A part that only holds clauses has no text of its own.
    const silent = parts
      .filter((part) => part.trim().includes('\n'))
      .filter((part) => !/^\*\*0\.1: (met|partly|later)[.*]/m.test(part));
    expect(parts.length).toBe(47);
    expect(silent).toEqual([]);
  });
});
