import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'vite';
import { findImpurities } from './impurities.ts';

/** The repository's root. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** One TypeScript file, as far as the walls look at it. */
export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly lines: number;
  /** Every module it names: static, dynamic and type imports, and re-exports. */
  readonly imports: readonly Import[];
  /** String literals and the fixed parts of templates. */
  readonly strings: readonly string[];
  /** Uses of a clock, of chance or of timers, as written. */
  readonly impurities: readonly string[];
}

export interface Import {
  readonly specifier: string;
  /** The imported file relative to the root, or null for a package or builtin. */
  readonly target: string | null;
  /** `import type`: nothing of it is there at run time. */
  readonly typeOnly: boolean;
}

/** Paths of all TypeScript files that tsconfig.json includes, relative to the root. */
export function listFiles(): readonly string[] {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    readonly include: readonly string[];
  };
  const nested = include
    .filter((name) => existsSync(join(root, name)) && !name.endsWith('.ts'))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        posix.join(folder, path.replaceAll('\\', '/')),
      ),
    )
    .filter((path) => !path.includes('/node_modules/'));
  const top = readdirSync(root, { encoding: 'utf8' });
  return [...top, ...nested].filter((path) => /\.[cm]?tsx?$/.test(path)).toSorted();
}

export function readSource(path: string): SourceFile {
  return parseSource(path, readFileSync(join(root, path), 'utf8'));
}

/** What {@link readSource} finds, from text: for files that do not exist. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);

  const found: { readonly specifier: string; readonly typeOnly: boolean }[] = [];
  const add = (specifier: string, typeOnly: boolean): void =>
    void found.push({ specifier, typeOnly });
  const strings: string[] = [];
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.importKind === 'type'),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === 'type'),
    ExportNamedDeclaration: (node) =>
      void (node.source && add(node.source.value, node.exportKind === 'type')),
    TSImportType: (node) => add(node.source.value, true),
    ImportExpression: ({ source }) =>
      add(source.type === 'Literal' ? String(source.value) : '(computed)', false),
    Literal: (node) => void (typeof node.value === 'string' && strings.push(node.value)),
    TemplateLiteral: (node) => void strings.push(node.quasis.map((q) => q.value.raw).join('?')),
  }).visit(program);

  return {
    path,
    lines: text.trimEnd().split('\n').length,
    imports: found.map((one) => ({ ...one, target: targetOf(path, one.specifier) })),
    strings,
    impurities: findImpurities(program),
  };
}

function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null;
}
