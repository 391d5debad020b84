import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'vite';
import { root } from './markdown.ts';

const TITLED = /^(?:it|test|describe)$/;
/** Places that are filled in for each case: `%s`, `$name`, `${n}`. */
const PLACE = /\$\{[^}]*\}|%[sdifjo]|\$\w+(?:\.\w+)*/g;

/**
 * The titles of a test file as a page quotes them, with `…` for each place that is filled in: of `it`, `test` and
 * `describe`, `it.each(…)` and the like, and of the cases that `testing/contracts` publishes.
 */
export function testTitles(path: string): ReadonlySet<string> {
  const source = readFileSync(join(root, path), 'utf8');
  const { program, errors } = parseSync(path, source);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);

  const titles = new Set<string>();
  const add = (start: number, end: number): void => {
    const literal = source.slice(start, end);
    if (/^['"`]/.test(literal)) titles.add(quoted(literal.slice(1, -1).replaceAll(/\\(.)/g, '$1')));
  };
  new Visitor({
    CallExpression({ callee, arguments: [title] }) {
      const name = source.slice(callee.start, callee.end).match(/^\w+/)?.[0] ?? '';
      if (TITLED.test(name) && title !== undefined) add(title.start, title.end);
    },
    Property({ key, value }) {
      const name = source.slice(key.start, key.end);
      if (name === 'title' && path.startsWith('testing/contracts/')) add(value.start, value.end);
    },
  }).visit(program);
  return titles;
}

/** A title, also one of a template, as a page quotes it. */
export function quoted(title: string): string {
  return title.replaceAll(PLACE, '…').replaceAll(/\s+/g, ' ').trim();
}
