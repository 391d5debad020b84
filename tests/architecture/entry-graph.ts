import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { parseSync, Visitor } from 'vite';
import { root } from './source-files.ts';

/** What importing one entry of the package loads, types left out. */
export interface EntryGraph {
  /** Files of this project, relative to the root. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
  /** Node's own modules, without `node:`. */
  readonly builtins: readonly string[];
  /** What is loaded later, by `import()`: files of this project and packages. */
  readonly onDemand: readonly string[];
}

export function entryGraph(entry: string): EntryGraph {
  const files = new Set<string>();
  const others = new Set<string>();
  const later = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    const { now, onDemand } = valueImports(path);
    for (const specifier of now) {
      if (specifier.startsWith('.')) waiting.push(targetOf(path, specifier));
      else others.add(specifier);
    }
    for (const specifier of onDemand) {
      later.add(specifier.startsWith('.') ? targetOf(path, specifier) : specifier);
    }
  }
  const isBuiltin = (name: string): boolean =>
    name.startsWith('node:') || builtinModules.includes(name);
  const sorted = (names: Iterable<string>): readonly string[] => [...new Set(names)].toSorted();
  return {
    files: sorted(files),
    packages: sorted([...others].filter((name) => !isBuiltin(name))),
    builtins: sorted([...others].filter(isBuiltin).map((name) => name.replace('node:', ''))),
    onDemand: sorted([...later].filter((name) => !files.has(name))),
  };
}

/** A graph as text: one line for each folder, and for each kind of what is not ours. */
export function printGraph(name: string, graph: EntryGraph): string {
  const folders = new Map<string, string[]>();
  for (const path of graph.files) {
    const folder = posix.dirname(path);
    folders.set(folder, [...(folders.get(folder) ?? []), posix.basename(path, '.ts')]);
  }
  return [
    name,
    ...[...folders].map(([folder, names]) => `  ${folder}/ ${names.join(' ')}`),
    `  packages: ${graph.packages.join(', ') || 'none'}`,
    `  builtins of Node: ${graph.builtins.join(', ') || 'none'}`,
    `  on demand: ${graph.onDemand.join(', ') || 'nothing'}`,
    '',
  ].join('\n');
}

const parsed = new Map<string, { readonly now: string[]; readonly onDemand: string[] }>();

/** Imports that are still there when the types are gone. */
function valueImports(path: string) {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const { program } = parseSync(path, readFileSync(join(root, path), 'utf8'));
  const found = { now: [] as string[], onDemand: [] as string[] };
  const isValue = (kind: string | undefined): boolean => kind !== 'type';
  new Visitor({
    ImportDeclaration({ importKind, specifiers, source }) {
      const named = specifiers.filter((one) => one.type === 'ImportSpecifier');
      const onlyTypes =
        named.length > 0 &&
        named.length === specifiers.length &&
        named.every((one) => !isValue(one.importKind));
      if (isValue(importKind) && !onlyTypes) found.now.push(source.value);
    },
    ExportAllDeclaration({ exportKind, source }) {
      if (isValue(exportKind)) found.now.push(source.value);
    },
    ExportNamedDeclaration({ exportKind, specifiers, source }) {
      const onlyTypes =
        specifiers.length > 0 && specifiers.every((one) => !isValue(one.exportKind));
      if (source !== null && isValue(exportKind) && !onlyTypes) found.now.push(source.value);
    },
    ImportExpression({ source }) {
      found.onDemand.push(source.type === 'Literal' ? String(source.value) : '(computed)');
    },
  }).visit(program);
  parsed.set(path, found);
  return found;
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}
