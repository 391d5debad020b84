import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles } from '../architecture/source-files.ts';
import { page, pages, root, tableRows } from './markdown.ts';

describe('docs/errors.md', () => {
  const codes = [
    ...readFileSync(join(root, 'ports/errors.ts'), 'utf8').matchAll(/^ {2}\| '(\w+)'/gm),
  ].map(([, code]) => code);
  const [thrown = '', shown = '', faults = ''] =
    page('docs/errors.md').text.split(/^## (?:Shown|Codes)/m);
  const rows = tableRows(thrown).filter(([code]) => code !== 'code');

  it('explains every code of LadingError once, and no other', () => {
    expect(codes.length).toBeGreaterThan(30);
    expect(rows.map(([code]) => code?.replaceAll('`', ''))).toEqual(codes);
  });

  it('says for each what it means and what to do', () => {
    const empty = rows.filter((cells) => cells.length !== 3 || cells.some((cell) => cell === ''));
    expect(empty).toEqual([]);
  });

  it('explains every class of fault', () => {
    const types = readFileSync(join(root, 'machines/attachment/types.ts'), 'utf8');
    const union = /type FaultClass =\n(.*?);/s.exec(types)?.[1] ?? '';
    const classes = [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name);
    const explained = tableRows(shown).flatMap(([first = '']) =>
      [...first.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    expect(classes.length).toBeGreaterThan(5);
    expect(new Set(explained)).toEqual(new Set(classes));
    expect(explained.length).toBe(classes.length);
  });

  it('explains every code of a fault that has a sentence of its own', () => {
    const source = readFileSync(join(root, 'machines/attachment/sentences.ts'), 'utf8');
    const table = /const sentences[^{]*\{(.*?)^\};/ms.exec(source)?.[1] ?? '';
    const known = [...table.matchAll(/^ {2}(\w+):/gm)].map(([, code]) => code);
    const explained = tableRows(faults).filter(([code]) => code !== 'code');
    expect(known.length).toBeGreaterThan(5);
    expect(explained.map(([code]) => code?.replaceAll('`', ''))).toEqual(known);
  });
});

describe('docs/glossary.md', () => {
  const { text } = page('docs/glossary.md');
  const rows = tableRows(text).filter(([word]) => word !== 'word');
  const sources = listFiles()
    .filter((path) => !/^(tests|model-based-tests|examples)\//.test(path))
    .map((path) => `${path}\n${readFileSync(join(root, path), 'utf8')}`)
    .join('\n');

  it('explains each word once', () => {
    const words = rows.map(([word]) => word);
    expect(words.length).toBeGreaterThan(40);
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
  });

  it('names only what is in the code', () => {
    const names = rows.flatMap(([, , code = '']) =>
      [...code.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
    );
    expect(names.length).toBeGreaterThanOrEqual(rows.length);
    expect(names.filter((name) => !sources.includes(name))).toEqual([]);
  });
});

describe('links', () => {
  it('lead to files that are there', () => {
    const broken = pages().flatMap(({ path, text }) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target.replace(/#.*/, ''))
        .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(root, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name files and folders in code spans that are there', () => {
    const folders =
      /^(machines|ports|persistence|engine|sync|adapters|testing|tests|examples|docs|tools)\/[\w./-]+$/;
    const broken = pages().flatMap(({ path, text }) =>
      [...text.matchAll(/`([^`\n]+)`/g)]
        .map(([, name = '']) => name)
        .filter((name) => folders.test(name) && !existsSync(join(root, name)))
        .map((name) => `${path}: ${name}`),
    );
    expect(broken).toEqual([]);
  });
});

describe('decisions', () => {
  it('are numbered without a gap, each with the number in its title', () => {
    const decisions = pages().filter(({ path }) => path.startsWith('docs/decisions/'));
    const numbers = decisions.map(({ path }) => Number(/(\d{4})-/.exec(path)?.[1]));
    expect(numbers).toEqual(decisions.map((_, index) => index + 1));
    const titled = decisions.filter(({ text }, index) => text.startsWith(`# ${index + 1} · `));
    expect(titled.length).toBe(decisions.length);
  });
});
