import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface Page {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface CodeBlock {
  /** `README.md:32`, to be found again. */
  readonly place: string;
  readonly language: string;
  /** What the fence says after the language. */
  readonly info: string;
  readonly code: string;
}

/** Every Markdown page that people read. */
export function pages(): readonly Page[] {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, 'docs', name));
  const atRoot = readdirSync(root)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, name));
  return [...atRoot, ...inDocs].toSorted().map((path) => ({
    path: relative(root, path).replaceAll('\\', '/'),
    text: readFileSync(path, 'utf8'),
  }));
}

export function page(path: string): Page {
  const found = pages().find((one) => one.path === path);
  if (found === undefined) throw new Error(`There is no page ${path}`);
  return found;
}

/** What stands between fences, with the language that the fence names. */
export function codeBlocks({ path, text }: Page): readonly CodeBlock[] {
  return [...text.matchAll(/^```(\w*)([^\n]*)\n(.*?)^```$/gms)].map(
    ({ 1: language, 2: info, 3: code, index }) => ({
      place: `${path}:${text.slice(0, index).split('\n').length}`,
      language: language ?? '',
      info: info?.trim() ?? '',
      code: code ?? '',
    }),
  );
}

/** The cells of every table row, heads included. */
export function tableRows(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\|[-| ]+\|$/.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()));
}
