import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks, page, root } from './markdown.ts';

const ENDPOINT = 'https://files.example.com/uploads';
const run = promisify(execFile);
const blocks = codeBlocks(page('README.md'));
const scripts = (
  JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  }
).scripts;

const example = blocks.find(({ language }) => language === 'ts');
const serverExample = blocks.find(({ code }) => code.includes('ladingTusHooks'));

let folder = '';
let server: ChildProcess | undefined;
let endpoint = '';

beforeAll(async () => {
  // Inside the package, where `lading` means this package, as it is built.
  await mkdir(join(root, '.tmp'), { recursive: true });
  folder = await mkdtemp(join(root, '.tmp', 'readme-'));
  await run(process.execPath, ['tools/build.ts'], { cwd: root });
  await copyFile(join(root, 'examples/demo/files/IMG_0413.jpg'), join(folder, 'lunch.jpg'));

  // The README's own server, on a port that is free.
  const tell = "listen(0, '127.0.0.1', function () { process.send?.(this.address()); })";
  const script = join(folder, 'server.mjs');
  await writeFile(script, (serverExample?.code ?? '').replace('listen(1080)', tell));
  server = fork(script, { cwd: folder, execArgv: [] });
  const [address] = (await once(server, 'message')) as [{ readonly port: number }];
  endpoint = `http://127.0.0.1:${address.port}/uploads`;
}, 120_000);

afterAll(async () => {
  server?.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('the README', () => {
  it('has a first example and a server that run as they stand, and print what they say', async () => {
    expect(example?.code).toContain(ENDPOINT);
    expect(serverExample?.code).toContain('listen(1080)');
    const script = join(folder, 'example.ts');
    await writeFile(script, (example?.code ?? '').replace(ENDPOINT, endpoint));

    const { stdout } = await run(process.execPath, [script], { cwd: folder });
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^uploading offline:\/\/[0-9a-f-]{36}$/);
    expect(lines.at(-1)).toMatch(/^uploaded http:\/\/127\.0\.0\.1:\d+\/uploads\/[\w.-]+$/);

    const url = lines.at(-1)?.split(' ').at(-1) ?? '';
    const sent = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(sent.equals(await readFile(join(folder, 'lunch.jpg')))).toBe(true);
  }, 60_000);

  it('has an example of about twenty lines', () => {
    const lines = example?.code.split('\n').filter((line) => line.trim() !== '') ?? [];
    expect(lines.length).toBeLessThanOrEqual(24);
  });

  it('names only commands that this package has', () => {
    const commands = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => [...code.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name));
    expect(commands).toEqual(expect.arrayContaining(['demo', 'simulate']));
    expect(commands.filter((name) => name !== undefined && !(name in scripts))).toEqual([]);
    expect(scripts).toHaveProperty('test');
  });
});
