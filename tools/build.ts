/**
 * Builds `dist/` so that it holds what the sources say and nothing else: leftovers of removed files go, and files
 * that did not change are not touched, so that a build never disturbs a process that runs from `dist/`.
 * Usage: `node tools/build.ts`
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const temporary = join(root, '.tmp');

/** The one file that is no code: `lading graph` prints it. */
const DRAWING = 'bin/graph/attachment.svg';
/** npm makes it a command; from the folder it is run as it is. */
const COMMAND = 'bin/lading.js';

mkdirSync(temporary, { recursive: true });
const fresh = mkdtempSync(join(temporary, 'build-'));
try {
  process.exitCode = compile();
  if (process.exitCode === 0) bringUpToDate();
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function compile(): number {
  const compiler = fileURLToPath(
    new URL('bin/tsc', import.meta.resolve('typescript/package.json')),
  );
  const { status } = spawnSync(
    process.execPath,
    [compiler, '-p', 'tsconfig.build.json', '--outDir', fresh],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) return status ?? 1;
  copyFileSync(join(root, DRAWING), join(fresh, DRAWING));
  chmodSync(join(fresh, COMMAND), 0o755);
  return 0;
}

function bringUpToDate(): void {
  const wanted = new Set(filesIn(fresh));
  for (const path of filesIn(dist)) if (!wanted.has(path)) rmSync(join(dist, path));
  for (const path of wanted) {
    const [from, to] = [join(fresh, path), join(dist, path)];
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) {
      chmodSync(to, statSync(from).mode);
      continue;
    }
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
}

function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
