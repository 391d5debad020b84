import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EntryGraph, entryGraph, printGraph } from './entry-graph.ts';
import { root } from './source-files.ts';

const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly [string]>> };
};
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
const graphs = new Map<string, EntryGraph>(
  Object.entries(compilerOptions.paths)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, [path]]) => [name, entryGraph(path.replace('./', ''))]),
);
const graph = (name: string): EntryGraph => graphs.get(name) as EntryGraph;
/** Entries that work wherever JavaScript does. */
const EVERYWHERE = ['lading', 'lading/host', 'lading/sync'];

describe('what each entry of the package loads', () => {
  it('is what the listing says (vitest run tests/architecture -u writes it anew)', async () => {
    const listing = [...graphs].map(([name, one]) => printGraph(name, one)).join('\n');
    await expect(listing).toMatchFileSnapshot('entry-graphs.golden.txt');
  });

  it.each(EVERYWHERE)('%s needs no builtin of Node', (name) => {
    expect(graph(name).builtins).toEqual([]);
  });

  it.each(EVERYWHERE)('%s needs no package but its dependencies', (name) => {
    const names = graph(name).packages.map((one) => one.split('/')[0]);
    expect(names.filter((one) => !Object.hasOwn(dependencies, String(one)))).toEqual([]);
  });

  it('lading loads no adapter, no driver and no simulator, on demand neither', () => {
    const { files, onDemand } = graph('lading');
    const strangers = [...files, ...onDemand].filter((path) =>
      /^(adapters|testing|bin|persistence\/drivers\/.)/.test(path),
    );
    expect(strangers.filter((path) => !/drivers\/(driver|pragmas)\.ts$/.test(path))).toEqual([]);
  });

  it('no part of lading that is loaded on demand needs a builtin of Node', () => {
    const parts = graph('lading').onDemand.filter((path) => path.endsWith('.ts'));
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.filter((path) => entryGraph(path).builtins.length > 0)).toEqual([]);
  });

  it('only the suites need Vitest', () => {
    const users = [...graphs].filter(([, one]) => one.packages.includes('vitest'));
    expect(users.map(([name]) => name)).toEqual(['lading/testing/contracts']);
    expect(graph('lading/testing').onDemand).not.toContain('vitest');
  });

  it('the suites run in a browser too: they need no builtin of Node', () => {
    expect(graph('lading/testing/contracts').builtins).toEqual([]);
  });

  it('each adapter loads its own SDK, and nobody else’s', () => {
    const adapters = [...graphs].filter(([, one]) =>
      one.files.some((path) => path.startsWith('adapters/')),
    );
    const folders = adapters.map(([name, { files }]) => {
      const own = files.filter((path) => path.startsWith('adapters/'));
      return [name, new Set(own.map((path) => path.split('/')[1])).size] as const;
    });
    expect(folders.length).toBeGreaterThan(4);
    expect(folders.filter(([, count]) => count !== 1)).toEqual([]);
  });
});
