import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '../..'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
};
/** `lading`, `lading/host` …: what a consumer can write after `from`. */
const subpaths = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target !== 'string')
  .map(([subpath]) => `${manifest.name}${subpath.slice(1)}`);

let consumer = '';
/** The package as npm installed it: exactly what the tarball holds. */
let installed = '';
let files: readonly string[] = [];
let tarball = '';

beforeAll(async () => {
  consumer = realpathSync(await mkdtemp(join(tmpdir(), 'lading-pack-')));
  const tarballs = join(consumer, 'tarballs');
  await mkdir(tarballs);
  await npm(root, 'pack', '--pack-destination', tarballs);
  tarball = join(tarballs, readdirSync(tarballs)[0] ?? '');

  const settings = { name: 'consumer', private: true, type: 'module' };
  await writeFile(join(consumer, 'package.json'), JSON.stringify(settings));
  await npm(consumer, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
  installed = join(consumer, 'node_modules', manifest.name);
  files = filesIn(installed);
}, 180_000);

afterAll(async () => {
  if (consumer !== '') await rm(consumer, { recursive: true, force: true });
});

describe('the packed package', () => {
  it('holds the build, its types, and the words that belong to it', () => {
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json']),
    );
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    );
    expect(files).toEqual(expect.arrayContaining(targets.map((path) => path.replace('./', ''))));
  });

  it('holds no source, no test and nothing that was removed from the sources', () => {
    const words = new Set(['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json']);
    const built = files.filter((path) => !words.has(path));
    const strangers = built.filter(
      (path) =>
        !/^dist\/(.*(\.d\.ts|\.js)|bin\/graph\/attachment\.svg)$/.test(path) ||
        /(^|\/)(tests|model-based-tests|examples|bench|tools)\/|\.test\./.test(path) ||
        !existsSync(join(root, path.replace(/^dist\//, '').replace(/(\.d\.ts|\.js)$/, '.ts'))),
    );
    expect(built).not.toEqual([]);
    expect(strangers).toEqual([]);
  });

  it('names no path of the machine that built it', () => {
    const places = [root, `${homedir()}/`, consumer];
    const told = files.filter((path) => {
      const text = readFileSync(join(installed, path), 'utf8');
      return places.some((place) => text.includes(place));
    });
    expect(told).toEqual([]);
  });
});

describe('the tools that look at packages', () => {
  it('publint has nothing to say', async () => {
    const bytes = readFileSync(tarball);
    const { messages, pkg } = await publint({
      pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
      strict: true,
    });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  // ESM only: `require` of the package is Node's own `require(esm)`, and Node 22.13 is the oldest that is supported.
  it('attw finds types for every entry, by Node’s resolution and a bundler’s', async () => {
    const cli = fileURLToPath(
      new URL('dist/index.js', import.meta.resolve('@arethetypeswrong/cli/package.json')),
    );
    const args = [cli, tarball, '--profile', 'esm-only', '--format', 'json'];
    const { stdout } = await run(process.execPath, args);
    const { analysis, problems = {} } = JSON.parse(stdout) as {
      readonly analysis: { readonly types: unknown; readonly entrypoints: object };
      readonly problems?: Readonly<Record<string, readonly { readonly resolutionKind?: string }[]>>;
    };
    expect(analysis.types).toMatchObject({ kind: 'included' });
    expect(Object.keys(analysis.entrypoints)).toHaveLength(subpaths.length + 1);
    // The report also has what the profile leaves out; its exit code, which `run` looks at, does not.
    const found = Object.values(problems).flat();
    const left = found.filter(({ resolutionKind = '' }) => !/^node10$|-cjs$/.test(resolutionKind));
    expect(left).toEqual([]);
  }, 120_000);
});

describe('an empty project that installs it', () => {
  it('gets the dependencies and nothing else: no Node, no SDK, no tool', () => {
    const names = packagesIn(join(consumer, 'node_modules'));
    const unwanted =
      /^(node|node-.*|@tus\/.*|tus-js-client|@sqlite\.org\/.*|vitest|@?fast-check.*|typescript|vite|@types\/.*|lading-.*)$/;
    expect(names.filter((name) => unwanted.test(name))).toEqual([]);
    expect(names).toEqual(needed(manifest.name).toSorted());
    expect(existsSync(join(consumer, 'node_modules/.bin/node'))).toBe(false);
  });

  it('gets the command, which helps, draws and looks into databases', async () => {
    const { stdout } = await run('npx', ['--no-install', 'lading', '--help']);
    expect(stdout).toContain('lading COMMAND FILE [ID]');
    const drawing = await run('npx', ['--no-install', 'lading', 'graph', '--format', 'svg']);
    expect(drawing.stdout).toContain('<svg ');
    const missing = run('npx', ['--no-install', 'lading', 'doctor', 'nothing.sqlite']);
    await expect(missing).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no file nothing.sqlite'),
    });
  });

  it.each(subpaths.filter((name) => name !== `${manifest.name}/testing/contracts`))(
    'imports %s without any SDK',
    async (subpath) => {
      const script = `console.log(Object.keys(await import('${subpath}')).length)`;
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
      expect(Number(stdout)).toBeGreaterThan(0);
    },
  );

  it('compiles against its types, strictly and with those of libraries checked', async () => {
    // Whoever imports the inspector has it: its types are that package's.
    const alone = subpaths.filter((name) => name !== `${manifest.name}/inspect`);
    const imports = alone.map((subpath, i) => `import * as m${i} from '${subpath}';`);
    const names = alone.map((_, i) => `m${i}`);
    const source = [
      ...imports,
      'type IsAny<T> = 0 extends 1 & T ? true : false;',
      ...names.map((name) => `export const typed_${name}: IsAny<typeof ${name}> = false;`),
      `export const all: readonly object[] = [${names.join(', ')}];`,
    ].join('\n');
    await writeFile(join(consumer, 'main.ts'), source);
    await expect(compile('main.ts', 'nodenext', 'nodenext')).resolves.toBe('');
    await expect(compile('main.ts', 'node16', 'node16')).resolves.toBe('');
    await expect(compile('main.ts', 'esnext', 'bundler')).resolves.toBe('');
  }, 120_000);

  it('is told by the compiler when it uses what is not there', async () => {
    await writeFile(join(consumer, 'wrong.ts'), `import { nothing } from '${manifest.name}';`);
    await expect(compile('wrong.ts')).resolves.toContain('wrong.ts(1,10): error TS2305');
  });
});

/** What the compiler says about a file of the consumer; empty when it is content. */
async function compile(file: string, module = 'nodenext', resolution = module): Promise<string> {
  const compiler = fileURLToPath(
    new URL('bin/tsc', import.meta.resolve('typescript/package.json')),
  );
  // Without `exactOptionalPropertyTypes`: xstate's own declarations do not hold under it.
  const options = ['--noEmit', '--strict', '--skipLibCheck', 'false'];
  const target = [
    '--module',
    module,
    '--moduleResolution',
    resolution,
    '--target',
    'es2024',
    '--types',
    'node',
  ];
  // Node's own types are lent, not installed: whoever compiles for Node has them.
  const types = ['--typeRoots', join(root, 'node_modules/@types')];
  try {
    return (await run(process.execPath, [compiler, ...options, ...target, ...types, file])).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    return stdout + stderr || String(error);
  }
}

function run(
  command: string,
  args: readonly string[],
  cwd: string = consumer,
): Promise<{ readonly stdout: string }> {
  // npm tells its scripts where it runs; a project elsewhere must not hear that.
  const env = Object.entries(process.env).filter(
    ([key]) =>
      !/^(npm_(package|lifecycle|config_local|config_workspace)|init_cwd|node_path|vitest)/i.test(
        key,
      ),
  );
  const windows = process.platform === 'win32' && command === 'npm';
  return promisify(execFile)(command, [...args], {
    cwd,
    env: Object.fromEntries(env),
    shell: windows,
  });
}

function npm(cwd: string, ...args: readonly string[]): Promise<unknown> {
  return run('npm', args, cwd);
}

/** A package and what it depends on, and so on; optional peers are not among them. */
function needed(name: string, found: Set<string> = new Set()): readonly string[] {
  if (found.has(name)) return [...found];
  found.add(name);
  const path = join(consumer, 'node_modules', name, 'package.json');
  const { dependencies = {} } = JSON.parse(readFileSync(path, 'utf8')) as Partial<typeof manifest>;
  for (const next of Object.keys(dependencies)) needed(next, found);
  return [...found];
}

function packagesIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(folder, name)).map((inner) => `${name}/${inner}`)
        : [name],
    )
    .toSorted();
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
}
