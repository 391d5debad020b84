import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CodeBlock, codeBlocks, page, root } from './markdown.ts';
import { missingLines } from './page-program.ts';

/*
 * docs/guides/start.md, word for word: in an empty folder, with the packed tarball, the registry, and the Node that a
 * newcomer's shell finds, which is not the one of this project.
 */
const run = promisify(execFile);
const blocks = codeBlocks(page('docs/guides/start.md'));
const stops: (() => void | Promise<void>)[] = [];
let folder = '';

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'lading-start-')));
  await run('npm', ['pack', '--pack-destination', folder], { cwd: root, shell: onWindows });
}, 180_000);

afterAll(async () => {
  for (const stop of stops) await stop();
  if (folder !== '') await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

it('the five minutes of the start guide end with a durable upload', async () => {
  const port = await freePort();
  const env = { ...newcomer() };
  const { stdout } = await run('node', ['--version'], { env, shell: onWindows });
  const [major = 0, minor = 0] = stdout.slice(1).split('.').map(Number);
  const isOlder = major < 22 || (major === 22 && minor < 13);
  const uploads = join(folder, 'uploads');

  let printed = '';
  const missing: string[] = [];
  for (const block of blocks) {
    const code = block.code.replaceAll('1080', String(port));
    const { language, info } = block;
    if (language === 'js') await writeFile(join(folder, fileOf(block)), code);
    else if (info === 'prints') {
      const lines = code.split('\n').filter((line) => line !== '');
      missing.push(...missingLines(printed, lines).map((line) => `${line} in:\n${printed}`));
    } else if (info === 'terminal=2') await inSecondTerminal(code, env);
    else if (info !== 'if=older-node' || isOlder) {
      const done = await run('bash', ['-euc', code], { cwd: folder, env, timeout: 120_000 });
      printed = done.stdout;
    }
  }

  expect(missing).toEqual([]);

  const names = await readdir(uploads, { recursive: true });
  const photo = await readFile(join(folder, 'photo.png'));
  const contents = await Promise.all(
    names.map((name) => readFile(join(uploads, name)).catch(() => Buffer.alloc(0))),
  );
  expect(contents.filter((bytes) => bytes.equals(photo))).toHaveLength(1);
}, 300_000);

const onWindows = process.platform === 'win32';

function fileOf({ info }: CodeBlock): string {
  const name = /^file=(\S+)$/.exec(info)?.[1];
  if (name === undefined) throw new Error(`a file needs a name: ${info}`);
  return name;
}

/** Runs until the end of the test; resolves when it says that it listens. */
async function inSecondTerminal(code: string, env: NodeJS.ProcessEnv): Promise<void> {
  const server = spawn('bash', ['-euc', code], { cwd: folder, env, detached: true });
  const gone = once(server, 'exit');
  stops.push(async () => {
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid);
    await gone;
  });
  for await (const text of server.stdout) if (String(text).includes('listening')) return;
  throw new Error('the server of the guide ended before it listened');
}

/** The environment of a shell outside of this project: its own Node is not in the path. */
function newcomer(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(npm_|init_cwd|node_path|node_options|node_env|vitest)/i.test(key),
  );
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const outside = path.filter(
    (entry) => !entry.includes('node_modules') && !entry.includes('npm-lifecycle'),
  );
  return { ...Object.fromEntries(kept), PATH: outside.join(delimiter), NO_COLOR: '1' };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
