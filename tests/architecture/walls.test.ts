import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { include } from '../../vitest.config.ts';
import { findCycle, reachedFrom } from './graph.ts';
import { listFiles, parseSource, readSource, root } from './source-files.ts';
import { walls } from './walls.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
interface Settings {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> };
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const settings = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as Settings;

const entries = Object.values(settings.compilerOptions.paths)
  .flat()
  .map((path) => path.replace('./', ''));
const files = listFiles().map(readSource);
const all = walls(
  {
    dependencies: Object.keys(manifest.dependencies),
    optionalPeers: Object.keys(manifest.peerDependencies),
  },
  entries.filter((path) => path.startsWith('adapters/')),
);

describe('the walls between layers (types included)', () => {
  it.each(all)('$title', ({ breaches, remedy }) => {
    const found = files.flatMap((file) =>
      breaches(file).map((breach) => `${file.path}: ${breach} – ${remedy}`),
    );
    expect(found).toEqual([]);
  });

  it.each(all)('would notice a breach: $title', ({ breaches, breach }) => {
    expect(breaches(parseSource(breach.path, breach.text))).toHaveLength(1);
  });
});

describe('what counts as asking clock or chance', () => {
  it.each([
    'const at = Date.now();',
    'const at = globalThis.Date.now();',
    'const at = new Date();',
    'const at = Date();',
    'const at = performance.now();',
    'const jitter = Math.random();',
    'const id = crypto.randomUUID();',
    'const id = globalThis.crypto.randomUUID();',
    "import { randomUUID } from 'node:crypto';",
    "import { v7 as uuid } from 'uuid'; export const id = uuid();",
    'setTimeout(() => {}, 1);',
    'globalThis.setTimeout(() => {}, 1);',
    'export function wait(schedule = setInterval) { return schedule; }',
    "import { setTimeout as sleep } from 'node:timers/promises';",
  ])('%s', (text) => {
    expect(parseSource('engine/x.ts', text).impurities).not.toEqual([]);
  });

  it.each([
    'export const day = (at: number) => new Date(at).toISOString();',
    'export const later = (clock: { now(): number }) => clock.now();',
    'export const at = (timers: { setTimeout(ms: number): void }) => timers.setTimeout(1);',
    "import { v7 } from 'uuid'; export const id = (msecs: number, random: Uint8Array) => v7({ msecs, random });",
    '// Date.now() and Math.random() are forbidden here.\nexport {};',
    "export const text = 'never call setTimeout()';",
  ])('but not: %s', (text) => {
    expect(parseSource('engine/x.ts', text).impurities).toEqual([]);
  });
});

describe('imports', () => {
  it('make no circle, types included', () => {
    expect(findCycle(files)).toBeUndefined();
  });

  it('would be noticed in a circle of types alone', () => {
    const circle = [
      parseSource('ports/a.ts', "import type { B } from './b.ts';"),
      parseSource('ports/b.ts', "export type { C } from './c.ts';"),
      parseSource('ports/c.ts', "export type A = import('./a.ts').A;"),
    ];
    expect(findCycle(circle)).toEqual(['ports/a.ts', 'ports/b.ts', 'ports/c.ts', 'ports/a.ts']);
    expect(findCycle(circle.slice(1))).toBeUndefined();
  });

  it('never lead from the host to attachments, through ports neither', () => {
    const host = files.filter(({ path }) => path.startsWith('engine/host/'));
    const reached = reachedFrom(host, files);
    expect(host.length).toBeGreaterThan(0);
    expect(reached.filter((path) => path.startsWith('machines/attachment/'))).toEqual([]);
    const beside = reachedFrom([parseSource('engine/x.ts', "import '../ports/remote.ts';")], files);
    expect(beside).toContain('machines/attachment/types.ts');
  });

  it('name files that are there', () => {
    const missing = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== null && !existsSync(join(root, target)))
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the frame', () => {
  it('looks at every folder that holds TypeScript', () => {
    const looked = new Set(files.map(({ path }) => path.split('/')[0]));
    const ignored = new Set(['node_modules', 'dist', 'coverage']);
    const folders = readdirSync(root, { withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .filter(({ name }) => !ignored.has(name))
      .filter(({ name }) =>
        readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).some(
          (path) => path.endsWith('.ts') && !path.includes('node_modules'),
        ),
      );
    expect(folders.map(({ name }) => name).filter((name) => !looked.has(name))).toEqual([]);
    expect(looked).toContain('machines');
  });

  it('collects every test file', () => {
    const tests = files.filter(({ path }) => /[._](test|tests|spec)\.[cm]?tsx?$/.test(path));
    const missed = tests.filter(({ path }) => !include.some((glob) => matchesGlob(path, glob)));
    expect(missed.map(({ path }) => path)).toEqual([]);
    expect(tests.map(({ path }) => path)).toContain('tests/architecture/walls.test.ts');
  });

  it('has no test that neither Vitest collects nor a test file runs', () => {
    const imported = new Set(files.flatMap(({ imports }) => imports.map(({ target }) => target)));
    const strays = files.filter(
      ({ path, imports }) =>
        !path.endsWith('.test.ts') &&
        !imported.has(path) &&
        imports.some(({ specifier }) => /^(vitest|@fast-check\/vitest)$/.test(specifier)),
    );
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  it('maps each subpath of the package to the source that is built into it', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, string | { types: string; default: string }>>;
    };
    const fromPackage = Object.entries(exports).flatMap(([subpath, target]) => {
      if (typeof target === 'string') return [];
      expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'));
      const source = target.default.replace('./dist/', './').replace(/\.js$/, '.ts');
      return [[`lading${subpath.slice(1)}`, [source]]];
    });
    expect(Object.fromEntries(fromPackage)).toEqual(settings.compilerOptions.paths);
  });
});
