import type { Import, SourceFile } from './source-files.ts';

/** A wall between two parts of the project: what it forbids, and what to do instead. */
export interface Wall {
  /** A sentence: the title of its test. */
  readonly title: string;
  readonly remedy: string;
  /** What in `file` breaks it, as text; none when the file keeps it or does not stand at it. */
  readonly breaches: (file: SourceFile) => readonly string[];
  /** A file that breaks it once: proves that the wall can fail. */
  readonly breach: { readonly path: string; readonly text: string };
}

/** What npm installs with the package; all else is missing at a consumer's. */
export interface Packages {
  readonly dependencies: readonly string[];
  readonly optionalPeers: readonly string[];
}

const published = [
  'machines',
  'ports',
  'persistence',
  'engine',
  'sync',
  'adapters',
  'testing',
  'index.ts',
  'lading.ts',
  'open-lading.ts',
  'on-demand.ts',
  'assemble.ts',
  'verbs',
  'bin',
] as const;

/** The one subpath that needs a test runner. */
const contracts = 'testing/contracts';

export function walls(packages: Packages, adapterEntries: readonly string[]): readonly Wall[] {
  return [
    {
      title: 'machines import only machines and xstate',
      remedy: 'Take the fact from the event, or move the type into machines/.',
      breaches: imports(
        { of: ['machines'] },
        ({ target, specifier }) => isIn(target, 'machines') || packageOf(specifier) === 'xstate',
      ),
      breach: {
        path: 'machines/attachment/x.ts',
        text: "import type { Clock } from '../../ports/clock.ts';",
      },
    },
    {
      title: 'only the steppers and the attachment machine import xstate',
      remedy: 'Call the four functions of machines/durable/stepper.ts.',
      breaches: imports(
        {
          of: ['machines', 'ports', 'persistence', 'engine', 'sync', 'adapters', 'index.ts', 'bin'],
          except: [
            'machines/durable/stepper.ts',
            'machines/durable/checked-stepper.ts',
            'machines/attachment',
            'engine/actors',
          ],
        },
        ({ specifier }) => packageOf(specifier) !== 'xstate',
      ),
      breach: {
        path: 'machines/durable/x.ts',
        text: "import { setup } from 'xstate';",
      },
    },
    {
      title: "actors know xstate's types and nothing of it at run time",
      remedy: 'Actor logic is a plain object: import the types of it.',
      breaches: imports(
        { of: ['engine/actors'] },
        ({ specifier, typeOnly }) => packageOf(specifier) !== 'xstate' || typeOnly,
      ),
      breach: {
        path: 'engine/actors/x.ts',
        text: "import { fromCallback } from 'xstate';",
      },
    },
    {
      title: 'ports import only ports and machines, and no package',
      remedy: 'Name what you need as an interface; an adapter fills it.',
      breaches: imports({ of: ['ports'] }, ({ target }) => isIn(target, 'ports', 'machines')),
      breach: { path: 'ports/x.ts', text: "import { Readable } from 'node:stream';" },
    },
    {
      title: 'persistence imports only ports and machines',
      remedy: 'Name what it needs as a port.',
      breaches: imports(
        { of: ['persistence'] },
        ({ target }) => target === null || isIn(target, 'persistence', 'ports', 'machines'),
      ),
      breach: {
        path: 'persistence/x.ts',
        text: "export type { Host } from '../engine/host/index.ts';",
      },
    },
    {
      title: 'the engine imports only ports and machines',
      remedy: 'Store, blobs and remotes are injected: import the port.',
      breaches: imports(
        { of: ['engine'], except: ['engine/host'] },
        ({ target }) => target === null || isIn(target, 'engine', 'ports', 'machines'),
      ),
      breach: {
        path: 'engine/x.ts',
        text: "const store = await import('../persistence/store.ts');",
      },
    },
    {
      title: 'the host imports only itself, ports and durable machines, nothing of attachments',
      remedy: 'Pass it in through the definition of the hosted machine.',
      breaches: imports(
        { of: ['engine/host'] },
        ({ target }) =>
          target === null ||
          isIn(target, 'engine/host', 'ports', 'machines/durable', 'machines/json.ts'),
      ),
      breach: {
        path: 'engine/host/x.ts',
        text: "export type Id = import('../../machines/attachment/types.ts').MediaId;",
      },
    },
    {
      title: 'sync imports only ports and machines',
      remedy: 'Store and backend are injected: import the port.',
      breaches: imports(
        { of: ['sync'] },
        ({ target }) => target === null || isIn(target, 'sync', 'ports', 'machines'),
      ),
      breach: { path: 'sync/x.ts', text: "import { host } from '../engine/host/index.ts';" },
    },
    {
      title: 'engine and sync import no builtin and no SDK',
      remedy: 'They run everywhere: put platform code behind a port, into adapters/.',
      breaches: imports(
        { of: ['engine', 'sync'] },
        ({ target, specifier }) =>
          target !== null || packages.dependencies.includes(packageOf(specifier)),
      ),
      breach: { path: 'sync/x.ts', text: "import { open } from 'node:fs/promises';" },
    },
    {
      title: 'adapters import only ports, machines and their own folder',
      remedy: 'Adapters fill ports and know nothing above them.',
      breaches: imports(
        { of: ['adapters'] },
        ({ target }) => target === null || isIn(target, 'adapters', 'ports', 'machines'),
      ),
      breach: { path: 'adapters/blobs/x.ts', text: "import { host } from '../../engine/x.ts';" },
    },
    {
      title: 'adapters never import each other',
      remedy: 'Move what is shared into ports/, or into a file beside both.',
      breaches: (file) => {
        if (!isIn(file.path, 'adapters')) return [];
        return file.imports
          .filter(({ target }) => {
            if (!isIn(target, 'adapters')) return false;
            const [from, to] = [file.path, String(target)];
            if (kindOf(from) !== kindOf(to)) return true;
            const entry = adapterOf(to, adapterEntries);
            return entry !== undefined && entry !== adapterOf(from, adapterEntries);
          })
          .map(({ specifier }) => specifier);
      },
      breach: {
        path: 'adapters/remotes/tus/x.ts',
        text: "import type { Hook } from '../tus-server.ts';",
      },
    },
    {
      title: 'only tests, examples, benches and binaries import the entry point',
      remedy: 'Import the module that defines it.',
      breaches: imports(
        { of: published.filter((folder) => folder !== 'bin') },
        ({ target, specifier }) => target !== 'index.ts' && packageOf(specifier) !== 'lading',
      ),
      breach: { path: 'testing/x.ts', text: "export * from '../index.ts';" },
    },
    {
      title: 'testing imports only what lies below the entry point',
      remedy: 'Move it down, or into tests/.',
      breaches: imports(
        { of: ['testing'] },
        ({ target }) => target === null || (isIn(target, ...published) && !isIn(target, 'bin')),
      ),
      breach: { path: 'testing/x.ts', text: "import { help } from '../tests/help.ts';" },
    },
    {
      title: 'the entry point imports no adapter',
      remedy: 'Every adapter has its own subpath; let the app pass it in.',
      breaches: imports(
        { of: ['index.ts', 'lading.ts', 'open-lading.ts', 'on-demand.ts', 'assemble.ts', 'verbs'] },
        ({ target }) => !isIn(target, 'adapters'),
      ),
      breach: { path: 'index.ts', text: "export * from './adapters/blobs/directory.ts';" },
    },
    {
      title: 'what is published imports no package that consumers lack',
      remedy: 'Use a dependency, or where the outside world begins an optional peer.',
      breaches: (file) =>
        imports(
          { of: published },
          ({ target, specifier }) =>
            target !== null ||
            specifier.startsWith('node:') ||
            ['lading', ...packages.dependencies].includes(packageOf(specifier)) ||
            (isIn(file.path, 'adapters', 'persistence/drivers', 'testing') &&
              packages.optionalPeers.includes(packageOf(specifier)) &&
              (packageOf(specifier) !== 'vitest' || isIn(file.path, contracts))),
        )(file),
      breach: { path: 'testing/x.ts', text: "import { expect } from 'vitest';" },
    },
    {
      title: 'what is published imports only what is published',
      remedy: 'Move it into a published folder.',
      breaches: imports(
        { of: published },
        ({ target }) => target === null || isIn(target, ...published),
      ),
      breach: { path: 'bin/x.ts', text: "import { demo } from '../examples/demo/main.ts';" },
    },
    {
      title: 'examples see the package as its users do',
      remedy: "Import from 'lading' or one of its subpaths.",
      breaches: imports(
        { of: ['examples'] },
        ({ target }) => target === null || isIn(target, 'examples'),
      ),
      breach: { path: 'examples/x.ts', text: "import { openLading } from '../index.ts';" },
    },
    {
      title: 'engine and sync hold no SQL',
      remedy: 'Add a method to the event store port and write its SQL in persistence/.',
      breaches: (file) =>
        isIn(file.path, 'engine', 'sync') ? file.strings.filter((text) => isSql(text)) : [],
      breach: {
        path: 'engine/x.ts',
        text: 'export const sql = `SELECT id\n FROM media`;',
      },
    },
    {
      title: 'machines, engine, sync and persistence ask neither clock nor chance of their own',
      remedy: 'Take time and ids from the event, or from the ports Clock and Random.',
      breaches: (file) =>
        isIn(file.path, 'machines', 'engine', 'sync', 'persistence') ? file.impurities : [],
      breach: { path: 'machines/x.ts', text: 'export const later = () => Date.now() + 1;' },
    },
    {
      title: 'no file is longer than 400 lines',
      remedy: 'Split it by what it exports.',
      breaches: ({ lines }) => (lines > 400 ? [`${lines} lines`] : []),
      breach: { path: 'tests/x.ts', text: '\n'.repeat(400).concat('export {};') },
    },
  ];
}

/** Imports of files in `of`, without those in `except`, that are not `allowed`. */
function imports(
  where: { readonly of: readonly string[]; readonly except?: readonly string[] },
  allowed: (one: Import) => boolean,
): Wall['breaches'] {
  return (file) => {
    if (!isIn(file.path, ...where.of) || isIn(file.path, ...(where.except ?? []))) return [];
    return file.imports.filter((one) => !allowed(one)).map(({ specifier }) => specifier);
  };
}

function isIn(path: string | null, ...places: readonly string[]): boolean {
  return path !== null && places.some((place) => path === place || path.startsWith(`${place}/`));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** `blobs` of `adapters/blobs/directory.ts`. */
function kindOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** The adapter's entry that a file belongs to: itself, or the index of its folder. Helpers beside entries have none. */
function adapterOf(path: string, entries: readonly string[]): string | undefined {
  return entries.find((entry) =>
    entry.endsWith('/index.ts') ? isIn(path, entry.slice(0, -'/index.ts'.length)) : path === entry,
  );
}

const statement =
  /^\s*(select\s.*\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\S+\s+set\s|delete\s+from\s|create\s+(table|index|view|trigger)\s|pragma\s|begin\s+immediate)/is;
const keywords = /\bSELECT\s[\s\S]*\sFROM\s|\bINSERT\s+INTO\s|\bDELETE\s+FROM\s|\bCREATE\s+TABLE\s/;

function isSql(text: string): boolean {
  return statement.test(text) || keywords.test(text);
}
