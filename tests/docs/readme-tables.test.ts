import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { page, pages, root, tableRows } from './markdown.ts';

const readme = page('README.md').text;

function section(heading: string): string {
  return readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
}

function quotedIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

describe('the tables of the README', () => {
  it('name every import of the package once, and no other', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, unknown>>;
    };
    const subpaths = Object.keys(exports)
      .filter((name) => name !== './package.json')
      .map((name) => `lading${name.slice(1)}`);
    const rows = tableRows(section('Install')).filter(([name]) => name !== 'import');
    expect(rows.flatMap(([name = '']) => quotedIn(name)).toSorted()).toEqual(subpaths.toSorted());
  });

  it('say "later" of no verb that is in this version', () => {
    const interfaces = readFileSync(join(root, 'lading.ts'), 'utf8');
    const verbs = new Set([...interfaces.matchAll(/^ {2}(\w+)\(/gm)].map(([, verb = '']) => verb));
    expect(verbs).toContain('signOut');
    const later = tableRows(section('Status'))
      .filter(([, when = '']) => when.startsWith('later'))
      .flatMap(([part = '']) => quotedIn(part))
      .filter((name) => verbs.has(name));
    expect(later).toEqual([]);
  });

  it('lead to every guide, adoption page and page of the specification', () => {
    const wanted = ['docs/guides/', 'docs/spec/', 'docs/adoption/README.md'];
    const linked = new Set([...readme.matchAll(/\]\(([^)#\s]+)/g)].map(([, target]) => target));
    const pagesThere = pages()
      .map(({ path }) => path)
      .filter((path) => wanted.some((start) => path.startsWith(start)));
    expect(pagesThere.length).toBeGreaterThan(10);
    expect(pagesThere.filter((path) => !linked.has(path))).toEqual([]);
  });
});
