import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TITLES = [
  'Captured with no network',
  'Nothing lost by the kill',
  "Every ref in the app's table is remote",
  'Every file is at the server once',
  'Every file is there byte for byte',
  'Resumed at the byte where it stood',
  'Nothing sent twice but what was in flight',
  'The log agrees with every row made from it',
  'Nothing left behind',
];

const CHAOS_TITLES = [
  'Captured with no network',
  'Nothing lost by the kills',
  "Every ref in the app's table is remote",
  'Every file is at the server once',
  'Every file is there byte for byte',
  'Nothing sent again but what was in flight',
  'The log agrees with every row made from it',
  'Nothing left behind',
];

/** Where the demo's temporary folders go, so that one left behind is seen. */
let temporary = '';

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'lading-demo-test-'));
  // Examples import the built package, as an app does.
  await promisify(execFile)(process.execPath, ['tools/build.ts'], { cwd: root });
}, 120_000);

afterAll(() => rm(temporary, { recursive: true, force: true, maxRetries: 5 }));

describe('the demo', () => {
  it('proves that real files survive a kill in the middle of an upload, and leaves nothing', async () => {
    const { code, lines } = await demo('--large-mb', '8');
    expect(lines.filter((line) => / (ok|FAIL) /.test(line)).map(title)).toEqual(
      TITLES.map((text) => `ok ${text}`),
    );
    expect(lines.at(-1)).toContain('The proof holds');
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  }, 90_000);

  it('proves the same through a network in which everything goes wrong, with three kills, and says what was done', async () => {
    const { code, lines } = await demo('--chaos', '--seed', '7', '--large-mb', '8');
    expect(lines.filter((line) => / (ok|FAIL) /.test(line)).map(title)).toEqual(
      CHAOS_TITLES.map((text) => `ok ${text}`),
    );
    expect(lines.filter((line) => line.includes('SIGKILL'))).toHaveLength(3);
    const said = lines.find((line) => line.includes('What the network did: ')) ?? '';
    expect(said).toMatch(/\d+ connections cut, .*\d+ replies dropped.* 3 kills/);
    expect(lines.at(-1)).toContain('The proof holds');
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  }, 120_000);

  it.each([
    ['byte', 'Every file is there byte for byte'],
    ['object', 'Every file is at the server once'],
  ])(
    'fails with exit code 1 when the server is harmed: --break %s',
    async (what, expected) => {
      const { code, lines } = await demo('--large-mb', '2', '--break', what);
      const failed = lines.filter((line) => line.includes(' FAIL ')).map(title);
      expect(failed).toEqual([`FAIL ${expected}`]);
      expect(lines.at(-1)).toContain('does NOT hold');
      expect(code).toBe(1);
      expect(await readdir(temporary)).toEqual([]);
    },
    90_000,
  );

  it('takes the files of a directory, and says what it leaves out', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lading-demo-files-'));
    try {
      await mkdir(join(directory, 'folder'));
      await writeFile(join(directory, 'empty.txt'), '');
      await writeFile(join(directory, 'äö note.txt'), 'bytes '.repeat(5_000));
      const { code, lines } = await demo(directory);
      expect(lines).toContain('Skipped: empty.txt (empty), folder (a directory)');
      expect(lines.at(-1)).toContain('The proof holds');
      expect(code).toBe(0);
      expect((await readdir(directory)).length).toBe(3);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }, 90_000);

  it.each([
    [['--nonsense'], /Unknown option '--nonsense'/],
    [['--large-mb', '0'], /--large-mb takes a whole number/],
    [['--seed', '7'], /--seed belongs to --chaos/],
    [['--chaos', '--seed', 'seven'], /--seed takes a whole number/],
    [['--break', 'leg'], /--break takes "byte" or "object"/],
    [[''], /The name of the directory is empty/],
    [['one', 'two'], /One directory at most/],
    [[join(tmpdir(), 'there-is-no-such-directory')], /There is no directory/],
    [[fileURLToPath(import.meta.url)], /is a file. Name the directory/],
    [[join(root, 'examples')], /holds nothing to upload: .*\bdemo \(a directory\)/],
  ])('refuses %j in one sentence, with exit code 2', async (args, sentence) => {
    const { code, lines, errors } = await demo(...args);
    expect(errors).toMatch(sentence);
    expect(errors.trim().split('\n')).toHaveLength(1);
    expect(lines).toEqual([]);
    expect(code).toBe(2);
    expect(await readdir(temporary)).toEqual([]);
  });
});

interface Ending {
  readonly code: number;
  readonly lines: readonly string[];
  readonly errors: string;
}

function demo(...args: readonly string[]): Promise<Ending> {
  const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  const command = [join(root, 'examples/demo/main.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, lines: stdout.split('\n').filter((line) => line !== ''), errors: stderr });
    });
  });
}

/** `ok Nothing left behind`: the line without its numbers. */
function title(line: string): string {
  return line.trim().replace(/\s+/g, ' ').replace(/: .*/, '');
}
